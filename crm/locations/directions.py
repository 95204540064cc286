"""Where customers go and when, in the words of a message."""

from __future__ import annotations

from babel.dates import get_day_names

from crm.core.uow import UnitOfWork
from crm.locations import queries

NOWHERE: dict[str, object] = {"address": "", "hours": []}


def told(uow: UnitOfWork, locale: str) -> dict[str, object]:
    """address and opening hours, both empty unless there is one location only: else it may be another.

    locale: of the weekdays, such as `pt_PT`.
    """
    places = queries.active(uow)
    if len(places) != 1:
        return NOWHERE
    days: dict[str, list[int]] = {}
    for row in queries.hours(uow, places[0].id):
        days.setdefault(f"{row.start:%H:%M}–{row.end:%H:%M}", []).append(row.weekday)
    hours = [f"{spoken(weekdays, locale)} {span}" for span, weekdays in days.items()]
    return {"address": places[0].address, "hours": hours}


def spoken(weekdays: list[int], locale: str) -> str:
    """In a row they are told by the first and the last: `Mon–Fri, Sun`. weekdays: sorted, Monday is 0."""
    names = get_day_names("abbreviated", locale=locale)
    runs: list[list[int]] = []
    for day in weekdays:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    ends = ([run[0], run[-1]] if len(run) > 1 else run for run in runs)
    return ", ".join("–".join(names[day] for day in pair) for pair in ends)
