"""News about loans; all of it is about a repair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class LoanEvent(Event):
    subject_kind: ClassVar[str] = "repair"
    loan_id: int


@dataclass(frozen=True)
class DeviceLent(LoanEvent):
    kind: ClassVar[str] = "loan.opened"


@dataclass(frozen=True)
class DeviceReturned(LoanEvent):
    kind: ClassVar[str] = "loan.returned"


@dataclass(frozen=True)
class LoanWaived(LoanEvent):
    """The repair may be handed over although the device is still out."""

    kind: ClassVar[str] = "loan.waived"
