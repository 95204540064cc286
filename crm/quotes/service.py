"""Commands on quotes. Messages, flags and deposits are joined on in `crm/billing/`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import select, text

from crm.core import refs
from crm.core.errors import Conflict, NotFound
from crm.core.events import SYSTEM, Actor
from crm.core.uow import UnitOfWork
from crm.quotes import rules
from crm.quotes.events import (
    QuoteApproved,
    QuoteDeclined,
    QuoteNudgeDue,
    QuoteSent,
    QuoteWithdrawn,
)
from crm.quotes.models import Quote, QuoteDecision, QuoteVersion
from crm.quotes.rules import Content, QuoteState

REF_PREFIX = "QUO"
_OPEN = (QuoteState.DRAFT, QuoteState.SENT)


@dataclass(frozen=True)
class NewQuote:
    repair_id: int
    customer_id: int | None
    currency: str
    content: Content


@dataclass(frozen=True)
class Choice:
    """What is approved. version, digest: what the customer saw. option: from 0.

    optional: places of the optional lines that are wanted; None takes all.
    """

    version: int
    digest: str
    option: int
    optional: frozenset[int] | None = None


@dataclass(frozen=True)
class Who:
    """via: `page`, `thread`, `sms`, `whatsapp` or `staff`. words: what was agreed to."""

    actor: Actor
    via: str
    words: str = ""
    ip_address: str | None = None
    user_agent: str | None = None


def make(uow: UnitOfWork, new: NewQuote, actor: Actor) -> Quote:
    """A draft. Raises Invalid, NotFound (no such repair)."""
    rules.check(new.content)
    _lock_repair(uow, new.repair_id)
    quote = Quote(
        ref=refs.free(uow, REF_PREFIX, Quote.ref),
        repair_id=new.repair_id,
        customer_id=new.customer_id,
        version=1,
        state=QuoteState.DRAFT,
        currency=new.currency,
        created_at=uow.now,
        created_by=actor.name,
        nudged=0,
    )
    uow.session.add(quote)
    uow.session.flush()
    _write(uow, quote, new.content, actor)
    return quote


def change(uow: UnitOfWork, quote_id: int, content: Content, actor: Actor) -> Quote:
    """A new version; one that was sent is a draft again until it is sent.

    Raises Invalid, NotFound, Conflict (`quote-decided`).
    """
    rules.check(content)
    quote = _open(uow, quote_id)
    if rules.digest(content, quote.currency) == present(uow, quote).digest:
        return quote
    if quote.state == QuoteState.SENT:
        _end(uow, quote, QuoteState.DRAFT, actor)
    quote.version += 1
    _write(uow, quote, content, actor)
    return quote


def send(
    uow: UnitOfWork, quote_id: int, actor: Actor, *, good_for: timedelta = rules.GOOD_FOR
) -> Quote:
    """Let the customer see it. Another open quote of the repair is replaced; sent twice is once.

    Raises NotFound, Conflict (`quote-decided`).
    """
    quote = _open(uow, quote_id)
    if quote.state == QuoteState.SENT:
        return quote
    others = select(Quote).where(Quote.repair_id == quote.repair_id, Quote.state == QuoteState.SENT)
    for other in uow.session.scalars(others.with_for_update()):
        _end(uow, other, QuoteState.REPLACED, actor)
    uow.session.flush()
    quote.state, quote.sent_at, quote.nudged = QuoteState.SENT, uow.now, 0
    quote.expires_at = uow.now + good_for
    uow.record(QuoteSent(quote.id, actor, quote.repair_id, quote.version))
    return quote


def approve(uow: UnitOfWork, quote_id: int, choice: Choice, who: Who) -> QuoteDecision:
    """Fix what was agreed. The same choice again changes nothing.

    Raises NotFound, Invalid (no such option or line), Conflict (`quote-changed`: not the present
    version; `quote-decided`; `quote-expired`; `quote-not-sent`).
    """
    quote = _locked(uow, quote_id)
    version = present(uow, quote)
    content = rules.read(version.content)
    if (choice.version, choice.digest) != (quote.version, version.digest):
        raise Conflict("the quote has changed since", code="quote-changed")
    if not 0 <= choice.option < len(content.options):
        raise rules.wrong("option", "No such option.")
    option = content.options[choice.option]
    optional = option.everything() if choice.optional is None else choice.optional
    if not optional <= option.everything():
        raise rules.wrong("optional", "No such optional line.")
    lines = [asdict(line) for line in option.chosen(optional)]
    decided = uow.session.get(QuoteDecision, quote.id)
    if decided is not None and (decided.option, decided.lines) == (choice.option, lines):
        return decided
    _need_sent(uow, quote)
    total = sum(line.gross_minor for line in option.chosen(optional))
    decision = _decide(uow, quote, version, QuoteState.APPROVED, who)
    decision.option, decision.lines, decision.total_minor = choice.option, lines, total
    uow.session.flush()
    uow.record(
        QuoteApproved(quote.id, who.actor, quote.repair_id, quote.version, total,
                      content.deposit_minor, quote.currency, who.via)
    )  # fmt: skip
    return decision


def decline(uow: UnitOfWork, quote_id: int, version: int, reason: str, who: Who) -> QuoteDecision:
    """Raises NotFound, Conflict (as `approve`). Declined twice is once."""
    quote = _locked(uow, quote_id)
    decided = uow.session.get(QuoteDecision, quote.id)
    if decided is not None and decided.decision == QuoteState.DECLINED:
        return decided
    if version != quote.version:
        raise Conflict("the quote has changed since", code="quote-changed")
    _need_sent(uow, quote)
    decision = _decide(uow, quote, present(uow, quote), QuoteState.DECLINED, who)
    decision.reason = reason
    uow.session.flush()
    uow.record(QuoteDeclined(quote.id, who.actor, quote.repair_id, quote.version, reason))
    return decision


def withdraw(uow: UnitOfWork, quote_id: int, actor: Actor) -> Quote:
    """Take it back. Raises NotFound, Conflict (`quote-decided`)."""
    quote = _open(uow, quote_id)
    _end(uow, quote, QuoteState.WITHDRAWN, actor)
    return quote


def nudge(uow: UnitOfWork, quote_id: int, *, is_quiet: bool = False) -> None:
    """Record the reminder that is due, or that the quote has expired. is_quiet: no reminder now."""
    quote = _locked(uow, quote_id)
    if quote.state != QuoteState.SENT or quote.sent_at is None or quote.expires_at is None:
        return
    if quote.expires_at <= uow.now:
        _end(uow, quote, QuoteState.EXPIRED, SYSTEM)
        return
    number = rules.nudge_due(uow.now - quote.sent_at, quote.nudged)
    if number is not None and not is_quiet:
        quote.nudged = number
        uow.record(QuoteNudgeDue(quote.id, SYSTEM, quote.repair_id, number))


def present(uow: UnitOfWork, quote: Quote) -> QuoteVersion:
    """The version that counts."""
    return uow.session.get_one(QuoteVersion, (quote.id, quote.version))


def _decide(
    uow: UnitOfWork, quote: Quote, version: QuoteVersion, decision: QuoteState, who: Who
) -> QuoteDecision:
    quote.state, quote.decided_at = decision, uow.now
    made = QuoteDecision(
        quote_id=quote.id,
        version=version.version,
        digest=version.digest,
        decision=decision,
        lines=[],
        by_kind=who.actor.kind,
        by_name=who.actor.name,
        via=who.via,
        words=who.words,
        reason="",
        ip_address=who.ip_address,
        user_agent=who.user_agent,
        at=uow.now,
    )
    uow.session.add(made)
    return made


def _need_sent(uow: UnitOfWork, quote: Quote) -> None:
    if quote.state == QuoteState.SENT and quote.expires_at and quote.expires_at <= uow.now:
        raise Conflict("the quote has expired; ask for a new one", code="quote-expired")
    if quote.state == QuoteState.DRAFT:
        raise Conflict("the quote has not been sent yet", code="quote-not-sent")
    if quote.state != QuoteState.SENT:
        raise Conflict(f"the quote is {quote.state}", code="quote-decided")


def _end(uow: UnitOfWork, quote: Quote, state: QuoteState, actor: Actor) -> None:
    was_sent = quote.state == QuoteState.SENT
    quote.state = state
    if was_sent:
        uow.record(QuoteWithdrawn(quote.id, actor, quote.repair_id, quote.version, state))


def _write(uow: UnitOfWork, quote: Quote, content: Content, actor: Actor) -> None:
    uow.session.add(
        QuoteVersion(
            quote_id=quote.id,
            version=quote.version,
            content=rules.stored(content),
            digest=rules.digest(content, quote.currency),
            created_at=uow.now,
            created_by=actor.name,
        )
    )
    uow.session.flush()


def _open(uow: UnitOfWork, quote_id: int) -> Quote:
    quote = _locked(uow, quote_id)
    if quote.state not in _OPEN:
        raise Conflict(f"the quote is {quote.state}", code="quote-decided")
    return quote


def _locked(uow: UnitOfWork, quote_id: int) -> Quote:
    """The quote under the lock of its repair, so that two quotes of one cannot race."""
    quote = uow.session.get(Quote, quote_id)
    if quote is None:
        raise NotFound("no such quote")
    _lock_repair(uow, quote.repair_id)
    uow.session.refresh(quote, with_for_update=True)
    return quote


def _lock_repair(uow: UnitOfWork, repair_id: int) -> None:
    """The aggregate is the repair, which is another subject's."""
    query = text("SELECT id FROM repairs WHERE id = :id FOR UPDATE")
    if uow.session.execute(query, {"id": repair_id}).first() is None:
        raise NotFound("no such repair")
