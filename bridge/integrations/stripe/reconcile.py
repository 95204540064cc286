"""Finds what Stripe's webhooks failed to bring (reliability.md, rule 26).

Stripe keeps its events for 30 days, so they are read back from an hour before the watermark and go
through the same inbox under the same keys; each one that is new was a lost webhook and is counted.
Attempts nobody tells anything about are asked about by `crm/payments/settling.Round`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog

from bridge.integrations.stripe.client import Client, Told
from bridge.integrations.stripe.events import FETCHED
from bridge.integrations.stripe.verify import SOURCE, delivery
from chatwoot.models import ReconcileRun
from chatwoot.reconcile import last_watermark
from crm.core import clock, inbox
from crm.core.uow import Units

log = structlog.get_logger(__name__)

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
        self._now = now

    def run(self, *, look_back: timedelta | None = None) -> ReconcileRun:
        """look_back: read at least this far. Raises what the client raises; the watermark moves
        after a whole pass only."""
        started_at = self._now()
        until = started_at - STILL_COMING
        with self._units() as uow:
            since = (last_watermark(uow, SOURCE) or started_at - FIRST_LOOK_BACK) - OVERLAP
            since = min(since, started_at - look_back) if look_back else since
            run = ReconcileRun(source=SOURCE, started_at=started_at)
            uow.session.add(run)
        read = found = 0
        try:
            # The oldest first, as the webhooks would have come.
            events = list(self._client.events_since(since, list(FETCHED)))[::-1]
            old = [one for one in events if one["created"] <= until.timestamp()]
            for start in range(0, len(old), BATCH):
                batch = old[start : start + BATCH]
                found += self._store(batch)
                read += len(batch)
        except Exception as error:
            self._finish(run, read, found, error=f"{type(error).__name__}: {error}"[:500])
            raise
        return self._finish(run, read, found, watermark_at=started_at)

    def _store(self, events: Iterable[Told]) -> int:
        """Returns how many were new to us."""
        with self._units() as uow:
            deliveries = [delivery(event, FETCHED.__contains__) for event in events]
            return sum(inbox.store(uow, one).is_new for one in deliveries)

    def _finish(
        self,
        run: ReconcileRun,
        read: int,
        found: int,
        *,
        watermark_at: datetime | None = None,
        error: str | None = None,
    ) -> ReconcileRun:
        with self._units() as uow:
            run = uow.session.merge(run)
            run.finished_at, run.watermark_at, run.error = self._now(), watermark_at, error
            run.found = found
        log.info("reconciled", source=SOURCE, events=read, found=found, error=error)
        return run
