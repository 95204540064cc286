"""The one decision about a message: whether, by which channel, when, and why. Pure.

What reaches the customer is told by the channels, what the shop and the customer want by
`rulebook.py` and `preferences.py`; carrying the decision out is left to `crm/routing.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from crm.core import hours
from crm.notifications.rules import CHANNELS, Hours, Kind, Rule, Wishes

NO_MARKETING = "the customer wants no marketing"
NEVER_AGREED = "the customer never agreed to marketing"
NO_CHANNEL_YET = "no channel yet: no conversation and no proven address"


@dataclass(frozen=True)
class Asked:
    """A message that looks for a channel. deadline_at: None when a day after it could leave is fine.

    not_before: until then it may be taken back. refusals: channels that would not take it before.
    only: the channel the customer wrote by, for an answer.
    """

    template: str
    locale: str
    not_before: datetime
    deadline_at: datetime | None = None
    refusals: Mapping[str, str] = field(default_factory=dict)
    only: str | None = None


@dataclass(frozen=True)
class Reach:
    """How one channel gets to the customer. obstacle: why it cannot, although it knows where.

    rings: a telephone would ring there, also at night.
    """

    reason: str
    address: str = ""
    obstacle: str | None = None
    rings: bool = False


@dataclass(frozen=True)
class Decision:
    """channel: None when nobody takes it. is_skipped: it is not to be sent, now or later.

    send_at: when it may leave. refusals: channel -> why not there, the earlier ones too.
    """

    reason: str
    send_at: datetime
    channel: str | None = None
    is_skipped: bool = False
    refusals: Mapping[str, str] = field(default_factory=dict)


def decide(
    asked: Asked,
    rule: Rule,
    wishes: Wishes,
    reach: Mapping[str, Reach],
    *,
    quiet: Hours | None,
    zone: ZoneInfo,
) -> Decision:
    """reach: of the channels that know where to find the customer. quiet: the shop's quiet hours."""
    if reason := unwanted(asked.template, asked.locale, rule, wishes):
        return Decision(reason, asked.not_before, is_skipped=True, refusals=asked.refusals)
    refusals = dict(asked.refusals)
    if asked.only is not None:
        others = reach.keys() - {asked.only, *refusals}
        refusals |= dict.fromkeys(sorted(others), "it is answered where the customer wrote")
    is_code = rule.kind == Kind.CODE
    allowed = rule.channels or CHANNELS
    for name in _in_order(allowed, () if is_code else wishes.channels):
        here = reach.get(name)
        if here is None or name in refusals:
            continue
        if name in wishes.blocked and not is_code:
            refusals[name] = "the customer does not want it"
            continue
        if here.obstacle is not None:
            refusals[name] = here.obstacle
            continue
        send_at, because = first_moment(
            asked.not_before, rule, wishes, rings=here.rings, quiet=quiet, zone=zone
        )
        if asked.deadline_at is not None and send_at >= asked.deadline_at > asked.not_before:
            refusals[name] = f"{because} until it is too late"
            continue
        return Decision(
            _reason(here, name, wishes, send_at, because, zone), send_at, name, refusals=refusals
        )
    refusals |= {name: "the shop's rule leaves it out" for name in reach
                 if name not in allowed and name not in refusals}  # fmt: skip
    reason = NO_CHANNEL_YET
    if refusals:
        latest = list(refusals)[-1]
        reason = f"{latest}: {refusals[latest]}"
    return Decision(reason, asked.not_before, refusals=refusals)


def unwanted(template: str, locale: str, rule: Rule, wishes: Wishes) -> str | None:
    """Why it is not sent at all. Marketing goes only to who agreed to it; what follows a purchase, to
    who did not refuse it."""
    if rule.kind == Kind.CODE:
        return None
    if not rule.is_on:
        return f"the shop does not send {template} ({locale})"
    if rule.kind == Kind.MARKETING and wishes.marketing is False:
        return NO_MARKETING
    if rule.kind == Kind.MARKETING and wishes.marketing is None and not rule.is_soft:
        return NEVER_AGREED
    if not wishes.frequency.wants(rule.importance):
        return f"the customer wants {_WANTS[wishes.frequency]}; this is {rule.importance}"
    return None


_WANTS = {
    "milestones": "essential messages and milestones only",
    "essential": "essential messages only",
    "none": "no messages",
}


def _in_order(allowed: tuple[str, ...], wished: tuple[str, ...]) -> Iterator[str]:
    yield from (name for name in wished if name in allowed)
    yield from (name for name in allowed if name not in wished)


def first_moment(
    at: datetime,
    rule: Rule,
    wishes: Wishes,
    *,
    rings: bool,
    quiet: Hours | None,
    zone: ZoneInfo,
) -> tuple[datetime, str]:
    """The first moment from `at` on that suits the customer, or else the shop's quiet hours, and what
    it waits for. A code waits for nothing."""
    suits, because = at, ""
    if rule.kind == Kind.CODE:
        return suits, because
    if wishes.hours is not None:
        suits, because = next_within(at, wishes.hours, zone), "waits for the customer's hours"
    elif quiet is not None and rule.is_quiet and rings:
        suits = next_within(at, Hours(quiet.end, quiet.start), zone)
        because = "waits for the quiet hours to end"
    return suits, because if suits > at else ""


def next_within(at: datetime, stretch: Hours, zone: ZoneInfo) -> datetime:
    """`at`, or the next beginning of the stretch on the zone's clock."""
    local = at.astimezone(zone)
    if stretch.hold(local.time()):
        return at
    begins = hours.moment(local.date(), stretch.start, zone)
    if begins <= at:
        begins = hours.moment(local.date() + timedelta(days=1), stretch.start, zone)
    return begins


def _reason(
    here: Reach, name: str, wishes: Wishes, send_at: datetime, because: str, zone: ZoneInfo
) -> str:
    parts = [here.reason]
    if wishes.channels and name == wishes.channels[0]:
        parts.append("the customer's choice")
    elif name in wishes.channels:
        parts.append("the customer's next choice")
    if because:
        parts.append(f"{because}: {send_at.astimezone(zone):%Y-%m-%d %H:%M}")
    return "; ".join(parts)
