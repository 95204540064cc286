"""Which numbers may be written to: who said stop, what cannot be reached, whose window is open.

Learned from what people write and from what the carrier answers; asking before sending is the
channels' business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, func, update
from sqlalchemy.dialects.postgresql import Insert, insert

from crm.core.uow import UnitOfWork
from crm.customers import rules
from crm.texting import words
from crm.texting.models import CHANNELS, NumberState, TextNumber

WINDOW = timedelta(hours=24)  # WhatsApp's: free words only this long after the person wrote
SAID_STOP = "they said stop"  # why a channel does not take a message


def known(uow: UnitOfWork, channel: str, number: str) -> TextNumber | None:
    """number: E.164. None when nothing speaks against it and they never wrote."""
    return uow.session.get(TextNumber, (channel, _digest(number)), populate_existing=True)


def is_open(at: datetime, number: TextNumber | None) -> bool:
    """Whether free words may be sent by WhatsApp."""
    return number is not None and number.heard_at is not None and at < number.heard_at + WINDOW


def stop(uow: UnitOfWork, number: str, reason: str, channels: Iterable[str] = CHANNELS) -> None:
    """They want no messages, on no channel of this number unless told. The first time counts."""
    for channel in channels:
        _put(uow, channel, number, NumberState.OPTED_OUT, reason,
             unless=NumberState.OPTED_OUT)  # fmt: skip


def start(uow: UnitOfWork, number: str, reason: str) -> None:
    """They want messages again."""
    for channel in CHANNELS:
        _put(uow, channel, number, NumberState.OK, reason, unless=NumberState.OK)


def wish(uow: UnitOfWork, number: str, said: str) -> str | None:
    """`words.STOP`, `CANCEL` or `START` where this number says so; None for anything else."""
    meaning = words.meaning(said)
    if meaning == words.START_AGAIN:
        return words.START if is_stopped(uow, number) else None
    return meaning


def is_stopped(uow: UnitOfWork, number: str) -> bool:
    found = [known(uow, channel, number) for channel in CHANNELS]
    return any(one is not None and one.state == NumberState.OPTED_OUT for one in found)


def unreachable(uow: UnitOfWork, channel: str, number: str, reason: str) -> None:
    """No message of this channel can arrive there. One that said stop stays so."""
    row = _row(uow, channel, number, NumberState.UNDELIVERABLE, reason)
    was_fine = TextNumber.state == NumberState.OK
    uow.session.execute(row.on_conflict_do_update(
        index_elements=["channel", "digest"], set_=_news(row), where=was_fine))  # fmt: skip


def heard(uow: UnitOfWork, channel: str, number: str, at: datetime) -> None:
    """They wrote from it: it can be reached, and WhatsApp's window is open."""
    row = _row(uow, channel, number, NumberState.OK, "").values(heard_at=at)
    was_dead = TextNumber.state == NumberState.UNDELIVERABLE
    uow.session.execute(
        row.on_conflict_do_update(
            index_elements=["channel", "digest"],
            set_={
                "heard_at": func.greatest(TextNumber.heard_at, row.excluded.heard_at),
                "state": case((was_dead, NumberState.OK), else_=TextNumber.state),
                "since": case((was_dead, row.excluded.since), else_=TextNumber.since),
                "reason": case((was_dead, "they wrote from it"), else_=TextNumber.reason),
            },
        )
    )


def forget(uow: UnitOfWork, numbers: Iterable[str]) -> int:
    """Drop what is known about somebody's numbers; a wish to be left alone stays. Returns how many did."""
    digests = {_digest(number) for number in numbers}
    theirs = TextNumber.digest.in_(digests)
    stopped = TextNumber.state == NumberState.OPTED_OUT
    uow.session.execute(delete(TextNumber).where(theirs, ~stopped))
    return uow.session.execute(update(TextNumber).where(theirs).values(heard_at=None)).rowcount


def _put(
    uow: UnitOfWork, channel: str, number: str, state: str, reason: str, *, unless: str
) -> None:
    row = _row(uow, channel, number, state, reason)
    uow.session.execute(row.on_conflict_do_update(
        index_elements=["channel", "digest"], set_=_news(row), where=TextNumber.state != unless
    ))  # fmt: skip


def _row(uow: UnitOfWork, channel: str, number: str, state: str, reason: str) -> Insert:
    return insert(TextNumber).values(
        channel=channel, digest=_digest(number), state=state, since=uow.now, reason=reason
    )


def _news(row: Insert) -> dict[str, Any]:
    return {name: row.excluded[name] for name in ("state", "since", "reason")}


def _digest(number: str) -> str:
    spelt = rules.phone_key(number, proven=True).value
    return hashlib.sha256(spelt.encode()).hexdigest()
