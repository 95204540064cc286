"""Reads of quotes; nothing here locks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from crm.core import money, refs
from crm.core.errors import NotFound
from crm.core.money import Line
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.quotes import rules
from crm.quotes.models import Quote, QuoteDecision, QuoteVersion
from crm.quotes.rules import QuoteState
from crm.quotes.service import REF_PREFIX


@dataclass(frozen=True)
class Approved:
    """What the customer agreed to, the latest of a repair."""

    quote_id: int
    ref: str
    version: int
    digest: str
    lines: tuple[Line, ...]
    total_minor: int
    currency: str
    deposit_minor: int
    overrun_bp: int
    at: datetime
    by_name: str
    via: str
    words: str


@dataclass(frozen=True)
class Waiting:
    """A quote that was sent and not decided. total_minor: the least it may come to."""

    quote_id: int
    ref: str
    repair_id: int
    total_minor: int
    highest_minor: int
    currency: str
    sent_at: datetime


def by_ref(uow: UnitOfWork, ref: str) -> Quote:
    """Raises NotFound."""
    found = uow.session.scalar(select(Quote).where(Quote.ref == (refs.read(REF_PREFIX, ref) or "")))
    if found is None:
        raise NotFound("no such quote")
    return found


def approved(uow: UnitOfWork, repair_id: int) -> Approved | None:
    query = (
        select(Quote, QuoteDecision, QuoteVersion.content)
        .join(QuoteDecision, QuoteDecision.quote_id == Quote.id)
        .join(
            QuoteVersion,
            (QuoteVersion.quote_id == Quote.id) & (QuoteVersion.version == QuoteDecision.version),
        )
        .where(Quote.repair_id == repair_id, QuoteDecision.decision == QuoteState.APPROVED)
        .order_by(QuoteDecision.at.desc(), Quote.id.desc())
        .limit(1)
    )
    found = uow.session.execute(query).first()
    if found is None:
        return None
    quote, decision, content = found
    return Approved(
        quote_id=quote.id,
        ref=quote.ref,
        version=decision.version,
        digest=decision.digest,
        lines=tuple(money.line_of(line) for line in decision.lines),
        total_minor=decision.total_minor,
        currency=quote.currency,
        deposit_minor=content["deposit_minor"],
        overrun_bp=content["overrun_bp"],
        at=decision.at,
        by_name=decision.by_name,
        via=decision.via,
        words=decision.words,
    )


def sent(uow: UnitOfWork, repair_id: int) -> list[int]:
    """Quotes of a repair that nobody has decided, expired or not."""
    query = select(Quote.id).where(Quote.repair_id == repair_id, Quote.state == QuoteState.SENT)
    return list(uow.session.scalars(query))


def waiting(uow: UnitOfWork, repair_ids: Collection[int]) -> list[Waiting]:
    """Longest waiting first; expired ones are left out."""
    query = (
        select(Quote, QuoteVersion.content)
        .join(
            QuoteVersion,
            (QuoteVersion.quote_id == Quote.id) & (QuoteVersion.version == Quote.version),
        )
        .where(
            Quote.repair_id.in_(repair_ids),
            Quote.state == QuoteState.SENT,
            Quote.expires_at > uow.now,
        )
        .order_by(Quote.sent_at, Quote.id)
    )
    rows = uow.session.execute(query) if repair_ids else ()
    return [_waiting(quote, rules.read(content)) for quote, content in rows]


def _waiting(quote: Quote, content: rules.Content) -> Waiting:
    return Waiting(
        quote_id=quote.id,
        ref=quote.ref,
        repair_id=quote.repair_id,
        total_minor=content.lowest_minor(),
        highest_minor=content.highest_minor(),
        currency=quote.currency,
        sent_at=quote.sent_at or quote.created_at,
    )


def listed(
    uow: UnitOfWork,
    *,
    repair_id: int | None = None,
    state: str | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first."""
    query = select(Quote)
    if repair_id is not None:
        query = query.where(Quote.repair_id == repair_id)
    if state is not None:
        query = query.where(Quote.state == state)
    return page(uow.session, query, [Quote.id], limit=limit, after=after)


def decision(uow: UnitOfWork, quote_id: int) -> QuoteDecision | None:
    return uow.session.get(QuoteDecision, quote_id)


def due_for_nudge(uow: UnitOfWork, most: int = 200) -> list[int]:
    """Quotes that may be due a reminder or have expired; `service.nudge` decides."""
    query = (
        select(Quote.id)
        .where(
            Quote.state == QuoteState.SENT,
            (Quote.expires_at <= uow.now)
            | ((Quote.sent_at <= uow.now - rules.NUDGES[0]) & (Quote.nudged < 1))
            | ((Quote.sent_at <= uow.now - rules.NUDGES[1]) & (Quote.nudged < 2)),
        )
        .order_by(Quote.sent_at)
        .limit(most)
    )
    return list(uow.session.scalars(query))
