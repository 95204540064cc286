"""/healthz, /readyz and /metrics: for supervisors, load balancers and Prometheus.

/metrics is private: direct callers from this machine or a private network, or a key that may read
operations. To everybody else it does not exist.
"""

from __future__ import annotations

import ipaddress
import shutil
from typing import Any

import structlog
from flask import Blueprint, Response, jsonify, request
from sqlalchemy import text

import migrations
from bridge import auth, metrics
from bridge.context import Context, here
from crm.core import clock, ops
from crm.core.errors import NotFound, Unauthenticated
from crm.core.uow import DATABASE_FAULTS

log = structlog.get_logger(__name__)

LEAST_DISK = 0.05
MOST_DRIFT_SECONDS = 60.0
_NEIGHBOURS = [
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1",
        "fc00::/7",
    )
]

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """503 while a check fails that requests depend on; without Redis work is only slower."""
    context = here()
    checks = {**_database(context), "disk": _disk(context)}
    ready = all(check["ok"] for check in checks.values())
    checks["redis"] = _redis(context)
    status = "not ready" if not ready else "ready" if checks["redis"]["ok"] else "degraded"
    return jsonify(status=status, checks=checks), 200 if ready else 503


@blueprint.get("/metrics")
def scrape() -> Response:
    if not _is_neighbour() and not _may_read():
        raise NotFound("nothing here")
    with here().units() as uow:
        snapshot = ops.snapshot(uow)
    return Response(metrics.render(snapshot), mimetype="text/plain; version=0.0.4")


def _database(context: Context) -> dict[str, dict[str, Any]]:
    try:
        with context.engine.connect() as connection:
            moment = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            drift = abs((clock.now() - moment).total_seconds())
            is_current = migrations.is_current(connection)
    except DATABASE_FAULTS as error:
        log.warning("not ready", error=type(error).__name__)
        return {"database": {"ok": False, "detail": "not reachable"}}
    return {
        "database": {"ok": True},
        "schema": {"ok": is_current} if is_current else {"ok": False, "detail": "run migrate"},
        "clock": {"ok": drift <= MOST_DRIFT_SECONDS, "drift_seconds": round(drift, 3)},
    }


def _disk(context: Context) -> dict[str, Any]:
    usage = shutil.disk_usage(context.settings.state_dir)
    free = usage.free / usage.total
    return {"ok": free >= LEAST_DISK, "free": round(free, 3)}


def _redis(context: Context) -> dict[str, Any]:
    if context.redis_url is None:
        return {"ok": True, "detail": "not used"}
    backlog = context.doorbell.backlog()
    return (
        {"ok": False, "detail": "not reachable"}
        if backlog is None
        else {"ok": True, "queue": backlog}
    )


def _is_neighbour() -> bool:
    # Behind a proxy every caller looks local: its headers give it away.
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip")):
        return False
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in _NEIGHBOURS)


def _may_read() -> bool:
    try:
        return auth.principal().may("ops.read")
    except Unauthenticated:
        return False
