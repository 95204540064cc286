"""What customers wish of our messages. They or staff change it; every change is audited."""

from __future__ import annotations

from sqlalchemy import select

from crm.core import audit
from crm.core.errors import Invalid
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.notifications.events import PreferencesChanged
from crm.notifications.models import CommunicationPreferences
from crm.notifications.rules import Frequency, Hours, Wishes


def read(uow: UnitOfWork, customer_id: int | None) -> CommunicationPreferences | None:
    """None for one who never chose."""
    if customer_id is None:
        return None
    return uow.session.scalars(
        select(CommunicationPreferences)
        .where(CommunicationPreferences.customer_id == customer_id)
        .order_by(CommunicationPreferences.updated_at.desc(), CommunicationPreferences.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).first()


def consent(uow: UnitOfWork, customer_id: int | None) -> CommunicationPreferences | None:
    """Where marketing was agreed to or refused last: of several rows that need not be the newest."""
    if customer_id is None:
        return None
    return uow.session.scalars(
        select(CommunicationPreferences)
        .where(
            CommunicationPreferences.customer_id == customer_id,
            CommunicationPreferences.marketing_at.is_not(None),
        )
        .order_by(CommunicationPreferences.marketing_at.desc(), CommunicationPreferences.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).first()


def wishes_of(uow: UnitOfWork, customer_id: int | None) -> Wishes:
    row = read(uow, customer_id)
    if row is None:
        return Wishes()
    told = row.hours_from is not None and row.hours_to is not None
    said = consent(uow, customer_id)
    return Wishes(
        channels=tuple(row.channels),
        blocked=tuple(row.blocked),
        hours=Hours(row.hours_from, row.hours_to) if told else None,
        frequency=Frequency(row.frequency),
        marketing=said.marketing if said is not None else None,
    )


def locked(uow: UnitOfWork, customer_id: int) -> Wishes:
    """To change a part of them: until this unit ends nobody else can."""
    theirs = select(Customer.id).where(Customer.id == customer_id)
    uow.session.execute(theirs.with_for_update(key_share=True))
    return wishes_of(uow, customer_id)


def change(uow: UnitOfWork, customer_id: int, wishes: Wishes, actor: Actor) -> None:
    """Messages that wait to leave are decided anew. Marketing: None leaves what was said of it; when
    and by whom it was agreed to or refused is kept. Raises Invalid (`preferred-and-blocked`,
    `hours-empty`) for wishes that contradict themselves.
    """
    _check(wishes)
    marketing = locked(uow, customer_id).marketing
    row = read(uow, customer_id)
    if row is None:
        row = CommunicationPreferences(customer_id=customer_id, marketing=None)
        uow.session.add(row)
    if wishes.marketing is not None and wishes.marketing != marketing:
        row.marketing, row.marketing_at = wishes.marketing, uow.now
        row.marketing_by = f"{actor.kind}: {actor.name}"
    row.channels, row.blocked = list(wishes.channels), list(wishes.blocked)
    row.hours_from = wishes.hours.start if wishes.hours else None
    row.hours_to = wishes.hours.end if wishes.hours else None
    row.frequency = wishes.frequency
    row.updated_at, row.updated_by = uow.now, actor.name
    uow.session.flush()
    told = {
        "channels": row.channels,
        "blocked": row.blocked,
        "hours": [str(row.hours_from), str(row.hours_to)] if wishes.hours else None,
        "frequency": row.frequency,
        "marketing": marketing if wishes.marketing is None else wishes.marketing,
    }
    ref = uow.session.get_one(Customer, customer_id).ref
    audit.write(uow, actor, "communication_preferences.change", ref, told)
    uow.record(PreferencesChanged(customer_id, actor))


def _check(wishes: Wishes) -> None:
    if both := sorted({*wishes.channels} & {*wishes.blocked}):
        told = {"blocked": [f"Preferred and blocked: {', '.join(both)}."]}
        raise Invalid("these exclude each other", code="preferred-and-blocked", errors=told)
    if wishes.hours is not None and wishes.hours.start == wishes.hours.end:
        told = {"hours": {"to": ["Give two different times, or null for any time."]}}
        raise Invalid("these hours are no stretch of time", code="hours-empty", errors=told)
