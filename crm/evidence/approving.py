"""The section of a pack about quotes: what was offered, and the words it was decided with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import select

from crm.core import money
from crm.core.money import line_of
from crm.core.uow import UnitOfWork
from crm.evidence.pages import Block, Facts, Section, Table
from crm.quotes import rules
from crm.quotes.models import Quote, QuoteDecision, QuoteVersion
from crm.quotes.rules import Item


def quotes(uow: UnitOfWork, repair_id: int, when: partial) -> Section:
    """Every decision, with the version it was about."""
    query = (
        select(Quote, QuoteDecision, QuoteVersion)
        .join(QuoteDecision, QuoteDecision.quote_id == Quote.id)
        .join(
            QuoteVersion,
            (QuoteVersion.quote_id == Quote.id) & (QuoteVersion.version == QuoteDecision.version),
        )
        .where(Quote.repair_id == repair_id)
        .order_by(QuoteDecision.at, Quote.id)
    )
    blocks: list[Block] = []
    for quote, decision, version in uow.session.execute(query):
        blocks.append(Facts(f"Quote {quote.ref}: {decision.decision}", _decided(
            quote, decision, version, when
        )))  # fmt: skip
        if decision.lines:
            items = [Item(line_of(told)) for told in decision.lines]
            blocks.append(_lines("What was approved", items, quote.currency))
        for number, option in enumerate(rules.read(version.content).options, start=1):
            name = option.name or f"Option {number}"
            blocks.append(_lines(f"Offered: {name}", option.items, quote.currency))
    return Section("approval", "Quotes and approval", tuple(blocks))


def _decided(
    quote: Quote, decision: QuoteDecision, version: QuoteVersion, when: partial
) -> list[tuple[str, object]]:
    total = None
    if decision.total_minor is not None:
        total = money.in_words(decision.total_minor, quote.currency, "en_GB")
    return [
        ("Title", version.content.get("title")),
        ("Note", version.content.get("note")),
        ("Sent", when(quote.sent_at)),
        ("Decided", when(decision.at)),
        ("By", f"{decision.by_name} ({decision.by_kind})"),
        ("How", decision.via),
        ("Words", decision.words),
        ("Reason", decision.reason),
        ("Total", total),
        ("Version", decision.version),
        ("SHA-256 of the version", decision.digest),
        ("Address on the internet", decision.ip_address),
        ("Browser", decision.user_agent),
    ]


def _lines(title: str, items: Sequence[Item], currency: str) -> Table:
    rows = [
        (
            one.line.label,
            one.line.quantity,
            money.in_words(one.line.gross_minor, currency, "en_GB"),
            "optional" if one.is_optional else "",
        )
        for one in items
    ]
    return Table(title, ("Line", "Quantity", "With tax", ""), rows)
