"""Finds what Stripe's webhooks failed to bring (reliability.md, rule 26).

Stripe keeps its events for 30 days, so they are read back from an hour before the watermark and go
through the same inbox under the same keys; each one that is new was a lost webhook and is counted.
Attempts nobody tells anything about are asked about by `crm/payments/settling.Round`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from bridge.integrations.stripe.client import Client, Told
from bridge.integrations.stripe.events import FETCHED
from bridge.integrations.stripe.verify import SOURCE, delivery
from crm.core import clock, inbox
from crm.core.reconciling import Passes, ReconcileRun
from crm.core.uow import Units

EVERY_SECONDS = 900.0
OVERLAP = timedelta(hours=1)
FIRST_LOOK_BACK = timedelta(hours=24)
# A webhook that is on its way is not lost.
STILL_COMING = timedelta(minutes=1)
BATCH = 100


class Reconcile:
    def __init__(self, client: Client, units: Units, now: Callable[[], datetime] = clock.now):
        self._client = client
        self._units = units
        self._passes = Passes(SOURCE, OVERLAP, FIRST_LOOK_BACK, units, now)

    def run(self, *, look_back: timedelta | None = None) -> ReconcileRun:
        """look_back: read at least this far. Raises what the client raises; the watermark moves
        after a whole pass only."""
        with self._passes.begun(look_back) as (run, since):
            until = run.started_at - STILL_COMING
            # The oldest first, as the webhooks would have come.
            events = list(self._client.events_since(since, list(FETCHED)))[::-1]
            old = [one for one in events if one["created"] <= until.timestamp()]
            for start in range(0, len(old), BATCH):
                run.found += self._store(old[start : start + BATCH])
        return run

    def _store(self, events: Iterable[Told]) -> int:
        """Returns how many were new to us."""
        with self._units() as uow:
            deliveries = [delivery(event, FETCHED.__contains__) for event in events]
            return sum(inbox.store(uow, one).is_new for one in deliveries)
