"""Reads of customers for lists and staff."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import exists, func, or_, select

from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.customers.models import CHATWOOT_CONTACT, PHONE, Customer, CustomerKey, MergeSuggestion
from crm.customers.rules import phone_key


def listed(
    uow: UnitOfWork,
    *,
    q: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    chatwoot_contact: str | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first, merged ones left out.

    q: a part of the name, or a whole reference, e-mail or phone. phone: E.164, any variant of it.
    chatwoot_contact: `<account id>:<contact id>`.
    """
    query = select(Customer).where(Customer.merged_into_id.is_(None))
    if q is not None:
        query = query.where(
            or_(
                Customer.name.icontains(q, autoescape=True),
                Customer.ref == q.upper(),
                func.lower(Customer.email) == q.lower(),
                Customer.phone == q,
            )
        )
    if email is not None:
        query = query.where(func.lower(Customer.email) == email.strip().lower())
    if phone is not None:
        query = query.where(or_(Customer.phone == phone, _known_by(PHONE, _spelling(phone))))
    if chatwoot_contact is not None:
        query = query.where(_known_by(CHATWOOT_CONTACT, chatwoot_contact))
    return page(uow.session, query, [Customer.id], limit=limit, after=after)


def _spelling(phone: str) -> str:
    return phone_key(phone, proven=False).value


def suggestions(
    uow: UnitOfWork, *, state: str | None = None, limit: int, after: Sequence[Any] | None = None
) -> Page:
    """Pairs of customers that may be one, newest first."""
    query = select(MergeSuggestion)
    if state is not None:
        query = query.where(MergeSuggestion.state == state)
    return page(uow.session, query, [MergeSuggestion.id], limit=limit, after=after)


def refs(uow: UnitOfWork, ids: Sequence[int | None]) -> dict[int, str]:
    """Customer id -> reference."""
    wanted = {one for one in ids if one is not None}
    rows = uow.session.execute(select(Customer.id, Customer.ref).where(Customer.id.in_(wanted)))
    return {row.id: row.ref for row in rows}


def _known_by(kind: str, value: str) -> Any:
    return exists().where(
        CustomerKey.customer_id == Customer.id, CustomerKey.kind == kind, CustomerKey.value == value
    )
