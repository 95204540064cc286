"""Pure: the ladder from a customer's words to the repair they are about.

A reference in the words, the message they quote, a reference in a mail's subject, the answer to our
question by number or device, words for another device, what was chosen last, the only open repair;
else the question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from crm.core import refs
from crm.repairs.models import REF_PREFIX
from crm.replies import words

FOCUS_LASTS = timedelta(days=7)
ANSWER_LASTS = timedelta(hours=24)
LONGEST_HEARD = 5_000
_REF = re.compile(r"(?<!\w)RPR[\s-]{0,3}([0-9OIL]{4})[\s-]{0,3}([0-9A-Z]{5})(?!\w)", re.IGNORECASE)


class MeantBy(StrEnum):
    """Why a message belongs to a repair."""

    REFERENCE = "reference"
    QUOTED = "quoted"
    SUBJECT = "subject"
    ANSWER = "answer"
    DEVICE = "device"
    FOCUS = "focus"
    ONLY = "only_one"
    AGENT = "agent"
    AGREED = "agreed"


@dataclass(frozen=True)
class Candidate:
    id: int
    ref: str
    device: str
    is_open: bool
    received_at: datetime


@dataclass(frozen=True)
class Heard:
    """A customer's message. quoted: the repair that the message it answers was about.

    subject: of a mail. has_files: pictures or files came with it.
    """

    words: str
    subject: str = ""
    quoted: int | None = None
    has_files: bool = False


@dataclass(frozen=True)
class Focus:
    """What was chosen last in a talk. repair_id: None when an agent said that it is about none."""

    repair_id: int | None
    by_agent: bool
    chosen_at: datetime


@dataclass(frozen=True)
class Meant:
    """repair_id: None when the customer or an agent said that it is about none of them."""

    repair_id: int | None
    by: MeantBy


@dataclass(frozen=True)
class Ask:
    repair_ids: tuple[int, ...]


@dataclass(frozen=True)
class Nothing:
    """It is about no repair that we could tell, and not worth a question."""


Meaning = Meant | Ask | Nothing


def meaning(
    heard: Heard,
    candidates: Sequence[Candidate],
    focus: Focus | None = None,
    asked: Sequence[int] = (),
) -> Meaning:
    """candidates: the customer's repairs and those of the thread, whatever their status.

    asked: what our open question offered, in its order. What an agent chose holds for closed repairs
    too; what a customer chose, while it is open. Of others' references nothing is told.
    """
    if typed := read_refs(heard.words):
        return _named(typed, candidates, MeantBy.REFERENCE)
    if any(one.id == heard.quoted for one in candidates):
        return Meant(heard.quoted, MeantBy.QUOTED)
    if typed := read_refs(heard.subject):
        return _named(typed, candidates, MeantBy.SUBJECT)
    if asked and (line := words.chosen_line(heard.words, len(asked) + 1)):
        return Meant(asked[line - 1] if line <= len(asked) else None, MeantBy.ANSWER)
    named = [one for one in candidates if one.is_open or one.id in asked]
    place = words.pointed_at(heard.words, [one.device for one in named])
    if place is not None:
        is_answer = named[place].id in asked
        return Meant(named[place].id, MeantBy.ANSWER if is_answer else MeantBy.DEVICE)
    still = [one for one in candidates if one.is_open]
    if focus is not None and focus.repair_id is None:
        # "About none" was said of those there were.
        still = [one for one in still if one.received_at > focus.chosen_at]
        if not still:
            return Meant(None, MeantBy.FOCUS)
    elif focus is not None and _holds(focus, candidates):
        return Meant(focus.repair_id, MeantBy.FOCUS)
    if len(still) == 1:
        return Meant(still[0].id, MeantBy.ONLY)
    if len(still) > 1 and (heard.has_files or not words.is_small_talk(heard.words)):
        return Ask(tuple(one.id for one in still))
    return Nothing()


def read_refs(text: str) -> list[str]:
    """The repairs named in a text, each once; what has a slip in it is none."""
    read = (refs.read(REF_PREFIX, found[0]) for found in _REF.finditer(_spoken(text)))
    return list(dict.fromkeys(ref for ref in read if ref))


def _named(typed: list[str], candidates: Sequence[Candidate], by: MeantBy) -> Meaning:
    known = [one for one in candidates if one.ref in typed]
    return Meant(known[0].id, by) if len(typed) == len(known) == 1 else Nothing()


def _holds(focus: Focus, candidates: Sequence[Candidate]) -> bool:
    return any(one.id == focus.repair_id and (one.is_open or focus.by_agent) for one in candidates)


def _spoken(text: str) -> str:
    """Without the lines a mail quotes from earlier ones."""
    lines = text[:LONGEST_HEARD].splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith(">"))
