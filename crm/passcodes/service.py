"""Commands on the passcode box: put in, look, wipe. Each is audited under the repair's reference.

No command logs, records or answers a code, except `look` to whoever asked.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from crm.core import audit
from crm.core.errors import NotFound
from crm.core.events import SYSTEM, Actor
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal
from crm.passcodes import rules
from crm.passcodes.events import PasscodeSeen, PasscodeSet, PasscodeWiped
from crm.passcodes.models import Passcode, PasscodeLook
from crm.passcodes.rules import Code, CodeKind

KEPT_AFTER_HAND_OVER = timedelta(days=7)
WIPE_EVERY_SECONDS = 3600.0


def put(
    uow: UnitOfWork,
    seal: Seal,
    repair_id: int,
    repair_ref: str,
    code: Code,
    actor: Actor,
    *,
    is_from_chat: bool = False,
) -> None:
    """Seal a code, replacing what was there. Raises Invalid (`value`)."""
    code = rules.check(code)
    values = {
        "sealed": seal.close({"kind": code.kind.value, "value": code.value}),
        "is_from_chat": is_from_chat,
        "set_by": actor.name,
        "set_at": uow.now,
        "wiped_at": None,
    }
    uow.session.execute(
        insert(Passcode)
        .values(repair_id=repair_id, **values)
        .on_conflict_do_update(index_elements=["repair_id"], set_=values)
    )
    audit.write(uow, actor, "passcode.set", repair_ref, {"from_chat": is_from_chat})
    uow.record(PasscodeSet(repair_id, actor, is_from_chat))


def put_from_chat(
    uow: UnitOfWork, seal: Seal, repair_id: int, repair_ref: str, code: Code, actor: Actor
) -> bool:
    """Keep a code spotted in a message. False where staff wrote one down: theirs stays."""
    known = held(uow, repair_id)
    if known is not None and not known.is_from_chat:
        return False
    put(uow, seal, repair_id, repair_ref, code, actor, is_from_chat=True)
    return True


def look(
    uow: UnitOfWork, seal: Seal, repair_id: int, repair_ref: str, reason: str, actor: Actor
) -> Code:
    """The code, and a line in the log. Raises NotFound (none, or wiped), Unreadable (key changed)."""
    known = held(uow, repair_id)
    if known is None:
        raise NotFound("the box of this repair is empty")
    opened = seal.open(known.sealed)
    uow.session.add(
        PasscodeLook(repair_id=repair_id, actor_name=actor.name, reason=reason, looked_at=uow.now)
    )
    audit.write(uow, actor, "passcode.look", repair_ref, {"reason": reason})
    uow.record(PasscodeSeen(repair_id, actor))
    return Code(CodeKind(opened["kind"]), opened["value"])


def wipe(uow: UnitOfWork, repair_id: int, repair_ref: str, actor: Actor) -> None:
    """Raises NotFound where there is nothing to wipe."""
    known = held(uow, repair_id)
    if known is None:
        raise NotFound("the box of this repair is empty")
    _empty(uow, known, repair_ref, actor)


def wipe_old(uow: UnitOfWork) -> int:
    """Wipe what was handed over seven days ago and has not come back. Returns how many."""
    due = uow.session.execute(
        text("""SELECT repairs.id, repairs.ref FROM passcodes
                JOIN repairs ON repairs.id = passcodes.repair_id
                WHERE passcodes.wiped_at IS NULL AND repairs.status = 'delivered'
                  AND repairs.status_at <= :before
                ORDER BY repairs.id FOR UPDATE OF passcodes SKIP LOCKED"""),
        {"before": uow.now - KEPT_AFTER_HAND_OVER},
    ).all()
    for repair_id, ref in due:
        _empty(uow, uow.session.get_one(Passcode, repair_id), ref, SYSTEM)
    return len(due)


def held(uow: UnitOfWork, repair_id: int) -> Passcode | None:
    """What is in the box, locked; None for an empty one."""
    return uow.session.scalars(
        select(Passcode)
        .where(Passcode.repair_id == repair_id, Passcode.wiped_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def _empty(uow: UnitOfWork, passcode: Passcode, repair_ref: str, actor: Actor) -> None:
    passcode.sealed, passcode.wiped_at = None, uow.now
    audit.write(uow, actor, "passcode.wipe", repair_ref)
    uow.record(PasscodeWiped(passcode.repair_id, actor))
