"""When work has come to cost more than the customer agreed to."""

from __future__ import annotations

from crm.core import money
from crm.core.errors import Conflict
from crm.core.uow import UnitOfWork
from crm.quotes import queries, rules


def over(uow: UnitOfWork, repair_id: int, estimate_minor: int | None) -> str | None:
    """What is wrong in a sentence; None while nothing is, or nothing was ever approved."""
    if estimate_minor is None:
        return None
    approved = queries.approved(uow, repair_id)
    if approved is None:
        return None
    if not rules.needs_new_approval(approved.total_minor, estimate_minor, approved.overrun_bp):
        return None
    now = money.in_words(estimate_minor, approved.currency, "en_GB")
    agreed = money.in_words(approved.total_minor, approved.currency, "en_GB")
    return f"it has come to {now}; {agreed} were approved in {approved.ref}. Send a new quote"


def need_approval(uow: UnitOfWork, repair_id: int, estimate_minor: int | None) -> None:
    """Raises Conflict (`approval-needed`)."""
    told = over(uow, repair_id, estimate_minor)
    if told:
        raise Conflict(told, code="approval-needed")
