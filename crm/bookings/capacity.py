"""Free bench hours: which technician and bench can take a job, and when.

A job takes one bench and one technician for as long as the work lasts. `look` reads the present
state; `reservations.py` takes what was found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, not_, or_, select
from sqlalchemy.dialects.postgresql import Range

from crm.bookings import rules
from crm.bookings.models import BENCH, TECHNICIAN, Booking, Reservation
from crm.bookings.rules import BookingStatus, Need
from crm.core.hours import Span, common, day_span
from crm.core.uow import UnitOfWork
from crm.locations import queries as locations
from crm.locations.models import Location
from crm.staff import technicians

Resource = tuple[str, int]
# A guest who proves at the last moment is not overtaken by somebody who books meanwhile.
GRACE = timedelta(seconds=30)


@dataclass(frozen=True)
class Offer:
    """pieces: the stretches of work. end: when the last one is done."""

    technician_id: int
    bench_id: int
    pieces: tuple[Span, ...]

    @property
    def start(self) -> datetime:
        return self.pieces[0].start

    @property
    def end(self) -> datetime:
        return self.pieces[-1].end


@dataclass(frozen=True)
class Capacity:
    """What is open, who works and what is taken, for one kind of job at one location.

    working: technician id -> stretches within opening hours, of those who can do the job.
    """

    location: Location
    need: Need
    opening: Sequence[Span]
    working: Mapping[int, Sequence[Span]]
    benches: Sequence[int]
    taken: Mapping[Resource, Sequence[Span]]
    earliest: datetime
    latest: datetime

    def starts(self, within: Span) -> list[datetime]:
        """Where slots may start, free or not."""
        found = rules.starts(self.opening, self.location.grid_minutes, self.earliest)
        return [one for one in found if within.start <= one < within.end and one <= self.latest]

    def at(self, start: datetime) -> Offer | None:
        """Who can begin then. The technician with the least to do goes first."""
        order = sorted(
            self.working, key=lambda one: (len(self.taken.get((TECHNICIAN, one), ())), one)
        )
        for technician_id in order:
            work = rules.pieces(self.working[technician_id], start, self.need.minutes)
            if work is None or not self._is_free((TECHNICIAN, technician_id), work):
                continue
            for bench_id in self.benches:
                if self._is_free((BENCH, bench_id), work):
                    return Offer(technician_id, bench_id, work)
        return None

    def free(self, within: Span) -> Iterator[Offer]:
        """The slots that can be had, soonest first."""
        for start in self.starts(within):
            offer = self.at(start)
            if offer is not None:
                yield offer

    def _is_free(self, resource: Resource, work: Sequence[Span]) -> bool:
        return not any(
            piece.overlaps(other) for other in self.taken.get(resource, ()) for piece in work
        )


def look(
    uow: UnitOfWork,
    location: Location,
    need: Need,
    first: date,
    *,
    days: int = 1,
    technician_id: int | None = None,
) -> Capacity:
    """Read what jobs that begin on these days need to know.

    technician_id: only they may do it.
    """
    zone = ZoneInfo(location.timezone)
    # Long work goes on over the following days; a week more bridges a closed one.
    days += 8 + need.minutes // 120
    opening = locations.open_spans(uow, location, first, days)
    at_work = technicians.at_work(uow, location.id, zone, first, days)
    skills = technicians.skills(uow, list(at_work))
    working = {
        one: common(spans, opening)
        for one, spans in at_work.items()
        if technician_id in (None, one)
        and all(technicians.can_repair(skills[one], device) for device in need.devices)
    }
    benches = [bench.id for bench in locations.benches(uow, location.id) if bench.is_active]
    whole = Span(day_span(first, zone).start, day_span(first + timedelta(days=days), zone).end)
    return Capacity(
        location=location,
        need=need,
        opening=opening,
        working=working,
        benches=benches,
        taken=_taken(uow, whole, benches, list(working)),
        earliest=uow.now + timedelta(minutes=location.lead_minutes),
        latest=uow.now + timedelta(days=location.horizon_days),
    )


def has_lapsed(now: datetime) -> ColumnElement[bool]:
    """Whether a booking was not proven in time, so that what it holds may be taken."""
    return and_(Booking.status == BookingStatus.PENDING, Booking.held_until <= now - GRACE)


def _taken(
    uow: UnitOfWork,
    whole: Span,
    benches: Sequence[int],
    people: Sequence[int],
) -> dict[Resource, list[Span]]:
    """Holds that ran out do not count, although their rows may still be there."""
    ours = or_(
        and_(Reservation.resource_kind == BENCH, Reservation.resource_id.in_(benches)),
        and_(Reservation.resource_kind == TECHNICIAN, Reservation.resource_id.in_(people)),
    )
    rows = uow.session.execute(
        select(Reservation.resource_kind, Reservation.resource_id, Reservation.during)
        .join(Booking, Booking.id == Reservation.booking_id)
        .where(
            Reservation.released_at.is_(None),
            Reservation.during.overlaps(Range(whole.start, whole.end)),
            ours,
            not_(has_lapsed(uow.now)),
        )
    )
    taken: dict[Resource, list[Span]] = defaultdict(list)
    for kind, resource_id, during in rows:
        taken[kind, resource_id].append(Span(during.lower, during.upper))
    return taken
