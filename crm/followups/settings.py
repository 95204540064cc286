"""What the shop wants of its follow-ups: read by the plan, changed by managers."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy.dialects.postgresql import insert

from crm.core import audit
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.followups.models import FollowUpSettings
from crm.followups.rules import Wish, Wishes


def read(uow: UnitOfWork) -> Wishes:
    """As changed last; what a shop gets that never changed anything until then."""
    row = uow.session.get(FollowUpSettings, 1)
    if row is None:
        return Wishes()
    return Wishes(row.review_url, {kind: Wish(**one) for kind, one in row.kinds.items()})


def change(uow: UnitOfWork, wishes: Wishes, actor: Actor) -> None:
    """Holds for repairs that are handed over from now on; audited."""
    values = {
        "review_url": wishes.review_url,
        "kinds": {kind: asdict(one) for kind, one in wishes.kinds.items()},
        "changed_by": actor.name,
        "changed_at": uow.now,
    }
    uow.session.execute(
        insert(FollowUpSettings)
        .values(id=1, **values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )
    uow.session.expire_all()
    told = {"review_url": wishes.review_url, "kinds": values["kinds"]}
    audit.write(uow, actor, "follow_ups.settings", "follow-up-settings", told)
