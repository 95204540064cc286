"""The texts people sign: those that come with a release, and the shop's own, version by version.

A text of the release becomes a row when somebody first signs it; from then on its words are kept,
whatever later releases bring.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text

from crm.agreements.models import Purpose, Terms
from crm.core import audit
from crm.core.errors import Invalid
from crm.core.events import SYSTEM, Actor
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork

DATA = Path(__file__).parent / "data"
LONGEST_TEXT = 20_000


def in_force(uow: UnitOfWork, purpose: Purpose, locale: str) -> Terms:
    """What is signed today: the shop's latest own text, else the release's.

    The latter may be an object that is not stored yet; see `stored`. locale: of `LOCALES`.
    """
    mine = select(Terms).where(Terms.purpose == purpose, Terms.locale == locale)
    latest = mine.order_by(Terms.version.desc()).limit(1)
    own = uow.session.scalar(latest.where(Terms.is_own))
    if own is not None:
        return own
    words = built_in(purpose, locale)
    known = uow.session.scalar(latest.where(Terms.digest == digest(words)))
    return known or _new(uow, purpose, locale, words, SYSTEM, is_own=False)


def stored(uow: UnitOfWork, purpose: Purpose, locale: str) -> Terms:
    """As `in_force`, as a row."""
    _lock(uow, purpose, locale)
    terms = in_force(uow, purpose, locale)
    uow.session.add(terms)
    uow.session.flush()
    return terms


def publish(uow: UnitOfWork, purpose: Purpose, locale: str, words: str, actor: Actor) -> Terms:
    """The shop's own text from now on; what was signed before keeps its words.

    words: plain text, a blank line between paragraphs. Raises Invalid (blank, too long).
    """
    words = "\n".join(line.rstrip() for line in words.splitlines()).strip()
    if not 0 < len(words) <= LONGEST_TEXT:
        raise Invalid(
            "the text does not fit",
            errors={"text": [f"Give 1 to {LONGEST_TEXT} characters."]},
        )
    _lock(uow, purpose, locale)
    terms = _new(uow, purpose, locale, words, actor, is_own=True)
    uow.session.add(terms)
    uow.session.flush()
    audit.write(
        uow, actor, "terms.publish", f"{purpose}/{locale}/{terms.version}",
        {"digest": terms.digest},
    )  # fmt: skip
    return terms


def listed(
    uow: UnitOfWork,
    *,
    purpose: str | None = None,
    locale: str | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Every kept version, newest first."""
    exact = {Terms.purpose: purpose, Terms.locale: locale}
    query = select(Terms).where(
        *(column == value for column, value in exact.items() if value is not None)
    )
    return page(uow.session, query, [Terms.id], limit=limit, after=after)


def digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()


@cache
def built_in(purpose: Purpose, locale: str) -> str:
    return (DATA / f"{purpose}.{locale}.txt").read_text("utf-8").strip()


def _new(
    uow: UnitOfWork, purpose: Purpose, locale: str, words: str, actor: Actor, *, is_own: bool
) -> Terms:
    last = uow.session.scalar(
        select(func.max(Terms.version)).where(Terms.purpose == purpose, Terms.locale == locale)
    )
    return Terms(
        purpose=purpose,
        locale=locale,
        version=(last or 0) + 1,
        text=words,
        digest=digest(words),
        is_own=is_own,
        actor_name=actor.name,
        created_at=uow.now,
    )


def _lock(uow: UnitOfWork, purpose: Purpose, locale: str) -> None:
    """Versions are counted by one at a time."""
    uow.session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"terms:{purpose}:{locale}"},
    )
