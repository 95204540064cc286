"""What may be told about the box without opening it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from crm.core.uow import UnitOfWork
from crm.passcodes.models import Passcode, PasscodeLook

MOST_LOOKS = 100


@dataclass(frozen=True)
class State:
    """looks: the newest 100, newest first."""

    has_passcode: bool
    is_from_chat: bool
    set_by: str | None
    set_at: datetime | None
    wiped_at: datetime | None
    looks: Sequence[PasscodeLook]


def state(uow: UnitOfWork, repair_id: int) -> State:
    row = uow.session.get(Passcode, repair_id, populate_existing=True)
    looks = uow.session.scalars(
        select(PasscodeLook)
        .where(PasscodeLook.repair_id == repair_id)
        .order_by(PasscodeLook.id.desc())
        .limit(MOST_LOOKS)
    ).all()
    if row is None:
        return State(False, False, None, None, None, looks)
    kept = row.wiped_at is None
    return State(kept, row.is_from_chat, row.set_by, row.set_at, row.wiped_at, looks)
