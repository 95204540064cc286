"""What kind of news a message is, and what the shop and the customer may decide about it. Pure.

What the shop changed stands in `rulebook.py`, what a customer wishes in `preferences.py`; both are
weighed in `decision.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml

DATA = Path(__file__).parent / "data" / "messages.yaml"
CHANNELS = ("chatwoot", "mail", "whatsapp", "sms")


class Importance(StrEnum):
    ESSENTIAL = "essential"
    MILESTONE = "milestone"
    PROGRESS = "progress"


class Kind(StrEnum):
    SERVICE = "service"
    MARKETING = "marketing"
    CODE = "code"
    STAFF = "staff"


class Frequency(StrEnum):
    """How much a customer wants to hear. A code they ask for is sent even with NONE."""

    ALL = "all"
    MILESTONES = "milestones"
    ESSENTIAL = "essential"
    NONE = "none"

    def wants(self, importance: Importance) -> bool:
        return importance in _WANTED[self]


_WANTED: Mapping[Frequency, frozenset[Importance]] = {
    Frequency.ALL: frozenset(Importance),
    Frequency.MILESTONES: frozenset((Importance.ESSENTIAL, Importance.MILESTONE)),
    Frequency.ESSENTIAL: frozenset((Importance.ESSENTIAL,)),
    Frequency.NONE: frozenset(),
}


@dataclass(frozen=True)
class Hours:
    """A stretch of each day on the shop's clock; one that ends before it begins runs past midnight.

    Beginning and end at the same time: the whole day.
    """

    start: time
    end: time

    def hold(self, at: time) -> bool:
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


@dataclass(frozen=True)
class Rule:
    """What holds for one message in one language.

    channels: the only ones it may go by, in this order; empty: all, in the usual order.
    is_soft: of marketing that follows a purchase; it goes to who did not refuse, with a way out in it
    (Directive 2002/58/EC, article 13(2)).
    """

    importance: Importance
    kind: Kind = Kind.SERVICE
    is_quiet: bool = False
    is_on: bool = True
    channels: tuple[str, ...] = ()
    is_soft: bool = False

    @property
    def must_arrive(self) -> bool:
        """Whether staff have to know when it does not: a reminder only repeats what was told."""
        is_essential = self.importance == Importance.ESSENTIAL and self.kind == Kind.SERVICE
        return is_essential and not self.is_quiet


@dataclass(frozen=True)
class Wishes:
    """What a customer chose. channels: to be tried first, in this order. blocked: never.

    hours: the only ones in which they want messages. marketing: None as long as they said
    neither.
    """

    channels: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    hours: Hours | None = None
    frequency: Frequency = Frequency.ALL
    marketing: bool | None = None


@cache
def defaults() -> Mapping[str, Rule]:
    """By the template's name."""
    told = yaml.safe_load(DATA.read_text("utf-8"))
    return {
        name: Rule(
            Importance(one["importance"]),
            Kind(one.get("kind", Kind.SERVICE)),
            is_quiet=one.get("is_quiet", False),
            is_on=one.get("is_on", True),
            is_soft=one.get("is_soft", False),
        )
        for name, one in told.items()
    }


def is_code(template: str) -> bool:
    """Whether it was asked for by the person at this moment, and proves the address it goes to."""
    return defaults()[template].kind == Kind.CODE
