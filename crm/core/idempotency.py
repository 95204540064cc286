"""Idempotency keys of our own API: the same creating request, sent twice, acts once.

The key is locked, looked up and stored in the unit of work that does the work itself, so a crash
leaves both or neither (reliability.md, rule 27). A refusal stores nothing and may be repeated.
Answers are sealed: the answer to a new API key carries that key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.core.errors import Conflict, Invalid
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal

KEPT_HOURS = 24
MOST_SIGNS = 255


class IdempotencyRow(Base):
    """scope: whose key it is; two callers may use the same one."""

    __tablename__ = "idempotency_keys"

    scope: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(Text)
    answer: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(index=True)


@dataclass(frozen=True)
class Answer:
    """status: HTTP status. body: what is sent as JSON."""

    status: int
    body: Any
    replayed: bool = False


def once(
    uow: UnitOfWork,
    seal: Seal,
    *,
    scope: str,
    key: str,
    fingerprint: str,
    work: Callable[[], Answer],
) -> Answer:
    """Run `work`, or give the answer it gave under this key within 24 hours.

    fingerprint: a hash of the whole request. Raises Conflict (`still-running`) while another
    request holds the key, Invalid (`key-reused`) when the key came with another request.
    """
    got = uow.session.execute(
        text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"idempotency:{scope}:{key}"},
    ).scalar()
    if not got:
        raise Conflict(
            "the first request with this Idempotency-Key still runs", code="still-running"
        )
    row = uow.session.get(IdempotencyRow, (scope, key))
    if row is not None and (uow.now - row.created_at).total_seconds() < KEPT_HOURS * 3600:
        if row.fingerprint != fingerprint:
            raise Invalid("this Idempotency-Key was used for another request", code="key-reused")
        status, body = seal.open(row.answer)
        return Answer(status, body, replayed=True)
    answer = work()
    uow.session.merge(
        IdempotencyRow(
            scope=scope,
            key=key,
            fingerprint=fingerprint,
            answer=seal.close([answer.status, answer.body]),
            created_at=uow.now,
        )
    )
    return answer


def forget(uow: UnitOfWork) -> int:
    """Drop keys older than 24 hours. Returns how many."""
    return uow.session.execute(
        text("""DELETE FROM idempotency_keys
                WHERE created_at < now() - make_interval(hours => :hours)"""),
        {"hours": KEPT_HOURS},
    ).rowcount
