"""Commands on subscriptions. Which events there are is `crm/outgoing/catalogue.py`'s business."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from crm.core import audit
from crm.core.errors import NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal
from crm.staff import tokens
from crm.subscriptions.models import Subscription

EVERYTHING = "*"
SECRET_OVERLAP = timedelta(hours=24)
MOST_FAILURES = 5


@dataclass(frozen=True)
class Target:
    """Where an event goes now. secrets: newest first; each signs."""

    url: str
    secrets: tuple[str, ...]


def create(
    uow: UnitOfWork, seal: Seal, actor: Actor, *, url: str, kinds: list[str], note: str = ""
) -> tuple[Subscription, str]:
    """The subscription and its secret, which nobody can read again."""
    secret = tokens.webhook_secret()
    made = Subscription(
        url=url,
        kinds=kinds,
        note=note,
        secret=seal.close(secret),
        is_active=True,
        created_by=actor.name,
        created_at=uow.now,
    )
    uow.session.add(made)
    uow.session.flush()
    audit.write(uow, actor, "subscription.create", f"subscription/{made.id}", {"kinds": kinds})
    return made, secret


def by_id(uow: UnitOfWork, subscription_id: int, *, for_update: bool = False) -> Subscription:
    """Raises NotFound."""
    found = uow.session.get(Subscription, subscription_id, with_for_update=for_update)
    if found is None:
        raise NotFound("no such subscription")
    return found


def change(
    uow: UnitOfWork, actor: Actor, subscription_id: int, fields: dict[str, Any]
) -> Subscription:
    """fields: url, kinds, note, is_active. Switched on again it starts afresh. Raises NotFound.

    While it is off, what it was owed is cancelled as it falls due.
    """
    found = by_id(uow, subscription_id, for_update=True)
    for name, value in fields.items():
        setattr(found, name, value)
    if fields.get("is_active"):
        found.failures, found.ended_reason = 0, None
    audit.write(uow, actor, "subscription.change", f"subscription/{found.id}",
                {"fields": sorted(fields)})  # fmt: skip
    return found


def remove(uow: UnitOfWork, actor: Actor, subscription_id: int) -> None:
    """What it was still owed is cancelled. Raises NotFound."""
    found = by_id(uow, subscription_id, for_update=True)
    uow.session.delete(found)
    audit.write(uow, actor, "subscription.remove", f"subscription/{found.id}")


def rotate(
    uow: UnitOfWork, seal: Seal, actor: Actor, subscription_id: int, *, overlap: timedelta
) -> str:
    """A new secret; the present one signs beside it for `overlap`. Raises NotFound."""
    found = by_id(uow, subscription_id, for_update=True)
    secret = tokens.webhook_secret()
    found.previous_secret, found.previous_until = found.secret, uow.now + overlap
    found.secret = seal.close(secret)
    audit.write(uow, actor, "subscription.rotate", f"subscription/{found.id}",
                {"overlap_seconds": overlap.total_seconds()})  # fmt: skip
    return secret


def wanting(uow: UnitOfWork, kind: str) -> Collection[int]:
    """Ids of the active subscriptions to a kind of event."""
    wanted = Subscription.kinds.contains([kind]) | Subscription.kinds.contains([EVERYTHING])
    query = select(Subscription.id).where(Subscription.is_active, wanted)
    return uow.session.scalars(query.order_by(Subscription.id)).all()


def target(uow: UnitOfWork, seal: Seal, subscription_id: int) -> Target | None:
    """None when the subscription is gone or switched off."""
    found = uow.session.get(Subscription, subscription_id)
    if found is None or not found.is_active:
        return None
    sealed = [found.secret]
    if found.previous_secret and found.previous_until and found.previous_until > uow.now:
        sealed.append(found.previous_secret)
    return Target(found.url, tuple(seal.open(one) for one in sealed))


def worked(uow: UnitOfWork, subscription_id: int) -> None:
    found = uow.session.get(Subscription, subscription_id, with_for_update=True)
    if found is not None and found.failures:
        found.failures = 0


def failed(uow: UnitOfWork, subscription_id: int, reason: str, *, is_gone: bool) -> None:
    """An event was given up. is_gone: the receiver wants nothing any more.

    After MOST_FAILURES in a row, each tried for days, nobody is there to hear.
    """
    found = uow.session.get(Subscription, subscription_id, with_for_update=True)
    if found is None:
        return
    found.failures += 1
    if found.is_active and (is_gone or found.failures >= MOST_FAILURES):
        found.is_active, found.ended_reason = False, reason
