"""The round over unanswered quotes: reminders by day, and the end of those that ran out.

Who hears of a reminder, and in which words, is `crm/billing/`'s.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from crm.core.uow import Units
from crm.notifications import rulebook
from crm.quotes import queries, service

EVERY_SECONDS = 600.0


class Round:
    """zone: the shop's. Each quote is looked at in its own unit of work."""

    def __init__(self, units: Units, zone: ZoneInfo):
        self._units = units
        self._zone = zone

    def run(self) -> int:
        """Returns how many quotes were looked at."""
        with self._units() as uow:
            found = queries.due_for_nudge(uow)
        for quote_id in found:
            with self._units() as uow:
                quiet = rulebook.quiet_hours(uow)
                local = uow.now.astimezone(self._zone).time()
                service.nudge(uow, quote_id, is_quiet=quiet is not None and quiet.hold(local))
        return len(found)
