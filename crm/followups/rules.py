"""Pure rules of follow-ups: what is planned, when it may leave, and when it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm.core.hours import moment

PLANNED = ("survey", "review_request", "maintenance")
CUSTOM = "custom"
KINDS = (*PLANNED, CUSTOM)
PENDING, SCHEDULED, SENT = "pending", "scheduled", "sent"
FAILED, COMPLETED, NO_RESPONSE, CANCELLED = "failed", "completed", "no_response", "cancelled"
# pending: waits for its day. scheduled: written, on its way to a channel. The last four are ends.
STATES = (PENDING, SCHEDULED, SENT, FAILED, COMPLETED, NO_RESPONSE, CANCELLED)

FROM, UNTIL = time(9), time(20)
LATEST_PLAN = time(19)
SILENCE = timedelta(days=14)
# After an outage longer than this a follow-up speaks of something long forgotten.
STALE = timedelta(days=14)
NO_CHANNEL_FOR = timedelta(hours=24)
MOST_DAYS = 730
# Who has several repairs is not asked for a review after each of them.
ASK_AGAIN_AFTER = timedelta(days=90)
LOW = 2
CHANGEABLE = timedelta(days=1)
ENOUGH = 5

_ARRIVED = ("sent", "delivered", "read")
_UNDONE = ("failed", "cancelled", "superseded")


@dataclass(frozen=True)
class Wish:
    """days: after the repair was handed over."""

    is_on: bool
    days: int


@dataclass(frozen=True)
class Wishes:
    """What the shop wants. review_url: where reviews are written; without it nobody is asked."""

    review_url: str | None = None
    kinds: Mapping[str, Wish] = field(
        default_factory=lambda: {
            "survey": Wish(True, 1),
            "review_request": Wish(True, 3),
            "maintenance": Wish(False, 180),
        }
    )


def plan(wishes: Wishes, delivered_at: datetime, zone: ZoneInfo) -> dict[str, datetime]:
    """Kind -> when it is due. Nothing is asked about how the repair went: all are treated alike."""
    return {
        kind: due_at(delivered_at, wish.days, zone)
        for kind, wish in wishes.kinds.items()
        if wish.is_on and (kind != "review_request" or wishes.review_url)
    }


def due_at(delivered_at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """So many days later at the same time by the shop's clock, moved into its writing hours."""
    local = delivered_at.astimezone(zone)
    return moment(local.date() + timedelta(days), min(max(local.time(), FROM), LATEST_PLAN), zone)


def may_write(now: datetime, zone: ZoneInfo) -> bool:
    return FROM <= now.astimezone(zone).time() < UNTIL


@dataclass(frozen=True)
class Seen:
    """A follow-up and what happened around it.

    carried: state of its message, None before there is one or once it was erased. has_written: the
    customer did, since it was sent. has_new_repair: the customer brought something since.
    """

    kind: str
    state: str
    carried: str | None = None
    why: str = ""
    composed_at: datetime | None = None
    sent_at: datetime | None = None
    has_written: bool = False
    has_new_repair: bool = False


def outcome(seen: Seen, now: datetime) -> tuple[str, str] | None:
    """The state it moves to and why; None when it stays as it is."""
    stops = seen.has_new_repair and seen.kind != CUSTOM
    came_back = "the customer came back with a repair"
    if seen.state == PENDING:
        return (CANCELLED, came_back) if stops else None
    if seen.state == SCHEDULED:
        if seen.carried in _ARRIVED:
            return SENT, ""
        if seen.carried is None:
            return FAILED, "its message was erased"
        if seen.carried in _UNDONE:
            return FAILED, seen.why
        if seen.carried == "skipped":
            return CANCELLED, seen.why
        if stops:
            return CANCELLED, came_back
        waited = now - seen.composed_at if seen.composed_at else timedelta()
        if seen.carried == "no_channel" and waited >= NO_CHANNEL_FOR:
            return FAILED, seen.why
        return None
    if seen.state == SENT:
        if seen.carried == "failed":
            return FAILED, seen.why
        if stops:
            return COMPLETED, came_back
        if seen.has_written:
            return COMPLETED, "the customer wrote"
        if seen.sent_at and now - seen.sent_at >= SILENCE:
            return NO_RESPONSE, f"nothing within {SILENCE.days} days"
    return None


def may_change(at: datetime, now: datetime) -> bool:
    """Whether an answer given at `at` may still be changed."""
    return now - at <= CHANGEABLE
