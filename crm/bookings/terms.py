"""The condition and the hurry a guest tells of a device, as the last line of the words about it.

With a repair chosen its estimate keeps them, since they make the price. Without one they stand here,
in the words staff read, named as on the wire.
"""

from __future__ import annotations

import re

from crm.bookings.models import BookedDevice
from crm.catalog.models import Estimate
from crm.catalog.rules import CONDITIONS
from crm.core.uow import UnitOfWork

_LINE = re.compile(
    rf"(?:\A|\n)\[as booked: (?:condition ({'|'.join(CONDITIONS)}))?(?:, )?(urgent)?\]\Z"
)


def noted(words: str, condition: str | None, is_urgent: bool) -> str:
    told = [f"condition {condition}"] if condition else []
    told += ["urgent"] if is_urgent else []
    lines = [words] if words else []
    return "\n".join([*lines, f"[as booked: {', '.join(told)}]"] if told else lines)


def read(problem: str) -> tuple[str, str | None, bool]:
    """(words, condition, is_urgent) of what `noted` wrote."""
    found = _LINE.search(problem)
    if found is None:
        return problem, None, False
    return problem[: found.start()], found[1], found[2] is not None


def problem_of(uow: UnitOfWork, device: BookedDevice) -> str:
    """What the bench is told of a booked device: the words, and what makes its price."""
    held = uow.session.get(Estimate, device.estimate_ref) if device.estimate_ref else None
    if held is None:
        return device.problem
    return noted(device.problem, held.request.get("condition"), held.request["is_urgent"])
