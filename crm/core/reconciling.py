"""Passes over what a source of webhooks keeps itself: how far back each reads, and what it found.

What is read, and how it goes through the inbox, is the integration's (reliability.md, rule 26).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import BigInteger, Identity, Index, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.core.uow import Units

log = structlog.get_logger(__name__)


class ReconcileRun(Base):
    """One comparison with a source. watermark_at: everything before it was compared.

    found: webhooks that never reached us.
    """

    __tablename__ = "reconcile_runs"
    __table_args__ = (Index("ix_reconcile_runs_started_at", "started_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column()
    finished_at: Mapped[datetime | None] = mapped_column()
    watermark_at: Mapped[datetime | None] = mapped_column()
    conversations: Mapped[int] = mapped_column(server_default="0")
    found: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None] = mapped_column(Text)


@dataclass(frozen=True)
class Passes:
    """Those over one source. overlap: how far before the watermark each begins."""

    source: str
    overlap: timedelta
    first_look_back: timedelta
    units: Units
    now: Callable[[], datetime]

    @contextmanager
    def begun(self, look_back: timedelta | None = None) -> Iterator[tuple[ReconcileRun, datetime]]:
        """The run, to be told what it found, and since when to read.

        look_back: at least this far. The watermark moves when the pass came to its end.
        """
        started_at = self.now()
        with self.units() as uow:
            watermark = uow.session.scalar(
                select(ReconcileRun.watermark_at)
                .where(ReconcileRun.source == self.source, ReconcileRun.watermark_at.is_not(None))
                .order_by(ReconcileRun.started_at.desc())
                .limit(1)
            )
            since = (watermark or started_at - self.first_look_back) - self.overlap
            if look_back:
                since = min(since, started_at - look_back)
            run = ReconcileRun(source=self.source, started_at=started_at, conversations=0, found=0)
            uow.session.add(run)
        try:
            yield run, since
        except Exception as error:
            self._end(run, error=f"{type(error).__name__}: {error}"[:500])
            raise
        self._end(run, watermark_at=started_at)

    def _end(
        self,
        run: ReconcileRun,
        *,
        watermark_at: datetime | None = None,
        error: str | None = None,
    ) -> None:
        run.finished_at, run.watermark_at, run.error = self.now(), watermark_at, error
        with self.units() as uow:
            uow.session.merge(run)
        log.info("reconciled", source=self.source, found=run.found, error=error)
