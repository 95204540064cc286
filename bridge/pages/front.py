"""The shop window: `/`, with what a visitor comes for and when the shop is open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

from babel.dates import get_day_names
from flask import Blueprint, Response
from flask_babel import get_locale

from bridge.context import here
from bridge.pages import offers
from bridge.pages.answers import answer
from crm.core.hours import DayHours
from crm.locations import queries as locations

blueprint = Blueprint("front", __name__)


@dataclass(frozen=True)
class Opening:
    """One line of the opening hours: days in a row with the same hours."""

    days: str
    hours: tuple[tuple[time, time], ...]


@dataclass(frozen=True)
class Place:
    name: str
    address: str
    opening: tuple[Opening, ...]


@blueprint.get("/")
def front() -> Response:
    with here().units() as uow:
        places = [
            Place(one.name, one.address, opening(locations.hours(uow, one.id)))
            for one in locations.active(uow)
        ]
        return answer("pages/front.html", places=places, offers=offers.families(uow))


def opening(week: list[DayHours]) -> tuple[Opening, ...]:
    """Days in a row that have the same hours are told together; closed days are left out."""
    names = get_day_names("abbreviated", locale=get_locale())
    by_day = [tuple((row.start, row.end) for row in week if row.weekday == day) for day in range(7)]
    lines: list[Opening] = []
    first = 0
    for day in range(1, 8):
        if day < 7 and by_day[day] == by_day[first]:
            continue
        if by_day[first]:
            last = "" if day - 1 == first else f"–{names[day - 1]}"
            lines.append(Opening(f"{names[first]}{last}", by_day[first]))
        first = day
    return tuple(lines)
