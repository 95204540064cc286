"""What this process counts itself, and /metrics' view of the database (reliability.md, rule 42).

Workers are short-lived forks and the truth is in PostgreSQL, so everything about rows is read at
scrape time from `crm.core.ops`; only what happens inside a web request is counted here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from flask import Flask, Response, g, request
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from crm.core.ops import Backlog, Snapshot

ACCEPTED, DUPLICATE, IGNORED, REJECTED = "accepted", "duplicate", "ignored", "rejected"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 0.5, 1.0, 2.0, 5.0)

ACK_SECONDS = Histogram(
    "mendline_ack_seconds", "From a webhook's arrival to its answer.", ["source"], buckets=_SECONDS
)
DELIVERIES = Counter("mendline_deliveries", "Webhook deliveries by outcome.", ["source", "outcome"])
REQUEST_SECONDS = Histogram(
    "mendline_request_seconds",
    "Time of a request.",
    ["method", "route", "status"],
    buckets=_SECONDS,
)


def init_app(app: Flask) -> None:
    app.after_request(_observe)


def _observe(response: Response) -> Response:
    rule = request.url_rule.rule if request.url_rule else "-"
    REQUEST_SECONDS.labels(request.method, rule, f"{response.status_code // 100}xx").observe(
        time.perf_counter() - g.started
    )
    return response


def render(snapshot: Snapshot) -> bytes:
    """The text a Prometheus scrape reads."""
    counted: CollectorRegistry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)
    rows = CollectorRegistry()
    rows.register(_Rows(snapshot))
    return generate_latest(counted) + generate_latest(rows)


class _Rows(Collector):
    def __init__(self, snapshot: Snapshot):
        self._snapshot = snapshot

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self._snapshot
        yield from _backlog("inbox", "source", now.inbox)
        yield from _backlog("outbox", "kind", now.outbox)
        single = {
            "inbox_oldest_seconds": (
                "Age of the oldest waiting delivery.",
                now.inbox_oldest_seconds,
            ),
            "outbox_oldest_seconds": ("Age of the oldest due effect.", now.outbox_oldest_seconds),
            "dead": ("Rows that wait for a person.", now.dead),
            "unsure": ("Sends that may have left.", now.unsure),
            "lost_leases": ("Leases lost in the last 24 hours.", now.lost_leases),
            "clock_drift_seconds": ("Our clock minus the database's.", now.drift_seconds),
            "reconcile_found": ("Lost webhooks found in 24 hours.", now.reconcile_found),
            "reconcile_age_seconds": ("Since the last good reconcile.", now.reconcile_age_seconds),
        }
        for name, (meaning, value) in single.items():
            if value is not None:
                yield GaugeMetricFamily(f"mendline_{name}", meaning, value=value)
        closed = GaugeMetricFamily(
            "mendline_destination_closed",
            "Destinations that take nothing now.",
            labels=["destination"],
        )
        for destination in now.closed:
            closed.add_metric([destination.name], 1)
        yield closed
        failed = GaugeMetricFamily(
            "mendline_duty_failed", "Periodic duties whose last run failed.", labels=["duty"]
        )
        for duty in now.duties:
            failed.add_metric([duty.name], int(duty.error is not None))
        yield failed


def _backlog(table: str, label: str, rows: list[Backlog]) -> Iterator[GaugeMetricFamily]:
    count = GaugeMetricFamily(
        f"mendline_{table}_rows", f"Unfinished rows of the {table}.", labels=[label, "state"]
    )
    oldest = GaugeMetricFamily(
        f"mendline_{table}_row_age_seconds",
        f"Age of the oldest unfinished row of the {table}.",
        labels=[label, "state"],
    )
    for row in rows:
        count.add_metric([row.name, row.state], row.count)
        oldest.add_metric([row.name, row.state], max(0.0, row.oldest_seconds))
    yield count
    yield oldest
