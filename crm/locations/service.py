"""Commands on locations; each one is audited."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import delete, select

from crm.core import audit
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.events import Actor
from crm.core.hours import DayHours, check_week
from crm.core.uow import UnitOfWork
from crm.locations import queries
from crm.locations.models import Bench, Closure, Location, OpeningHours

WAYS = ("shop", "post", "pick_up", "on_site")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
DEFAULTS: dict[str, Any] = {
    "address": "",
    "lead_minutes": 60,
    "grid_minutes": 30,
    "horizon_days": 60,
    "ways": {"shop": 0},
    "services": [],
    "requires_intake": False,
    "is_active": True,
}


def create(uow: UnitOfWork, actor: Actor, fields: dict[str, Any]) -> Location:
    """fields: columns of `Location`, with `invite_code` in the clear; needs slug, name, timezone.

    Raises Invalid (slug, timezone), Conflict (`slug-taken`).
    """
    if not _SLUG.fullmatch(fields["slug"]):
        told = "Small letters, digits and single dashes."
        raise Invalid("slug does not fit", errors={"slug": [told]})
    if uow.session.scalar(select(Location.id).where(Location.slug == fields["slug"])):
        raise Conflict("a location with this slug exists", code="slug-taken")
    location = Location(created_at=uow.now)
    _set(location, {**DEFAULTS, **fields})
    uow.session.add(location)
    uow.session.flush()
    audit.write(uow, actor, "location.create", f"location/{location.slug}")
    return location


def change(uow: UnitOfWork, actor: Actor, slug: str, fields: dict[str, Any]) -> Location:
    """Raises NotFound, Invalid (timezone). Bookings that were made keep their moments."""
    location = queries.by_slug(uow, slug)
    _set(location, fields)
    audit.write(uow, actor, "location.change", f"location/{slug}", {"fields": sorted(fields)})
    return location


def set_hours(uow: UnitOfWork, actor: Actor, slug: str, week: Sequence[DayHours]) -> Location:
    """Replace the opening hours of every weekday. Raises NotFound, Invalid (overlaps)."""
    location = queries.by_slug(uow, slug)
    check_week(week, "hours")
    uow.session.execute(delete(OpeningHours).where(OpeningHours.location_id == location.id))
    uow.session.add_all(
        OpeningHours(
            location_id=location.id, weekday=row.weekday, opens_at=row.start, closes_at=row.end
        )
        for row in week
    )
    audit.write(uow, actor, "location.hours", f"location/{slug}")
    return location


def close_on(uow: UnitOfWork, actor: Actor, slug: str, day: date, reason: str) -> Closure:
    """Raises NotFound, Conflict (`closed-already`)."""
    location = queries.by_slug(uow, slug)
    if uow.session.get(Closure, (location.id, day)):
        raise Conflict("this day is closed already", code="closed-already")
    closure = Closure(location_id=location.id, closed_on=day, reason=reason)
    uow.session.add(closure)
    audit.write(uow, actor, "location.close", f"location/{slug}", {"on": day.isoformat()})
    return closure


def open_on(uow: UnitOfWork, actor: Actor, slug: str, day: date) -> None:
    """Take a closed day back. Raises NotFound."""
    location = queries.by_slug(uow, slug)
    closure = uow.session.get(Closure, (location.id, day))
    if closure is None:
        raise NotFound("this day is not closed")
    uow.session.delete(closure)
    audit.write(uow, actor, "location.open", f"location/{slug}", {"on": day.isoformat()})


def add_bench(uow: UnitOfWork, actor: Actor, slug: str, name: str) -> Bench:
    """Raises NotFound, Conflict (`name-taken`)."""
    location = queries.by_slug(uow, slug)
    if any(bench.name == name for bench in queries.benches(uow, location.id)):
        raise Conflict("a bench of this name exists here", code="name-taken")
    bench = Bench(location_id=location.id, name=name, is_active=True)
    uow.session.add(bench)
    uow.session.flush()
    audit.write(uow, actor, "bench.create", f"bench/{bench.id}")
    return bench


def use_bench(uow: UnitOfWork, actor: Actor, slug: str, bench_id: int, *, is_active: bool) -> Bench:
    """Take a bench in or out of use; what is booked on it stays. Raises NotFound."""
    bench = uow.session.get(Bench, bench_id)
    if bench is None or bench.location_id != queries.by_slug(uow, slug).id:
        raise NotFound("no such bench")
    bench.is_active = is_active
    audit.write(uow, actor, "bench.change", f"bench/{bench_id}", {"is_active": is_active})
    return bench


def accepts_invite(location: Location, code: str | None) -> bool:
    """Whether a guest with this code may book here."""
    if location.invite_hash is None:
        return True
    return hmac.compare_digest(location.invite_hash, _digest(code or ""))


def _set(location: Location, fields: dict[str, Any]) -> None:
    if "timezone" in fields and fields["timezone"] not in available_timezones():
        told = "Give an IANA time zone such as Europe/London."
        raise Invalid("unknown time zone", errors={"timezone": [told]})
    for name, value in fields.items():
        if name == "invite_code":
            location.invite_hash = _digest(value) if value else None
        else:
            setattr(location, name, value)


def _digest(code: str) -> str:
    return hashlib.sha256(b"invite:" + code.strip().encode()).hexdigest()
