"""`POST /webhooks/<source>`: prove the sender, store the delivery durably, answer. Nothing else.

No Redis and no outgoing call happens before the answer; the doorbell is rung after the commit
(reliability.md, rules 1 and 2). Acting on what was stored is left to `jobs/inbox.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from flask import Blueprint, Response, g, request
from werkzeug.exceptions import UnsupportedMediaType

from bridge import metrics
from bridge.context import Context
from bridge.problems import problem
from crm.core import inbox
from crm.core.errors import Refusal
from crm.core.inbox import Delivery, Stored
from crm.core.integration import Endpoint, Received
from crm.core.uow import DATABASE_FAULTS, Units

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 5


def blueprint(context: Context) -> Blueprint:
    """One route per endpoint of every integration that is on."""
    routes = Blueprint("webhooks", __name__)
    for integration in context.integrations:
        for endpoint in integration.endpoints:
            view = _view(integration.name, endpoint, context.units)
            routes.add_url_rule(
                endpoint.rule, endpoint.rule.replace(".", "_"), view, methods=["POST"]
            )
    return routes


def _view(name: str, endpoint: Endpoint, units: Units) -> Callable[..., Response]:
    ack_seconds = metrics.ACK_SECONDS.labels(name)

    def receive(**path_args: str) -> Response:
        if request.mimetype != endpoint.mimetype:
            raise UnsupportedMediaType(f"send {endpoint.mimetype}")
        received = Received(
            headers=request.headers,
            body=request.get_data(cache=False),
            path_args=path_args,
            remote_address=request.remote_addr or "",
            request_id=g.request_id,
            query=request.query_string.decode("ascii", "replace"),
        )
        try:
            try:
                delivery = endpoint.verify(received)
                stored = _store(units, delivery)
            except DATABASE_FAULTS as error:
                # A commit whose answer was lost is repeated under the same keys (rule 24).
                log.warning("database away, trying once more", error=type(error).__name__)
                delivery = endpoint.verify(received)
                stored = _store(units, delivery)
        except Refusal as refusal:
            metrics.DELIVERIES.labels(name, metrics.REJECTED).inc()
            log.warning("webhook refused", source=name, reason=refusal.code, detail=refusal.detail)
            raise
        except DATABASE_FAULTS as error:
            log.error("webhook not stored", source=name, error=type(error).__name__)
            return _unavailable(endpoint)
        answer = _answer(name, delivery, stored)
        if endpoint.is_silent:
            answer = Response(status=204)
        ack_seconds.observe(time.perf_counter() - g.started)
        return answer

    return receive


def _store(units: Units, delivery: Delivery) -> Stored:
    with units() as uow:
        return inbox.store(uow, delivery)


def _answer(name: str, delivery: Delivery, stored: Stored) -> Response:
    outcome, status = metrics.ACCEPTED, 202
    if not delivery.handled:
        outcome, status = metrics.IGNORED, 200
    if not stored.is_new:
        outcome, status = metrics.DUPLICATE, 200
    metrics.DELIVERIES.labels(name, outcome).inc()
    body = f'{{"status":"{outcome}","delivery":"{stored.id}"}}'
    return Response(body, status, mimetype="application/json")


def _unavailable(endpoint: Endpoint) -> Response:
    answer = problem(
        endpoint.unavailable_status, "storage-unavailable", "the delivery could not be stored"
    )
    answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer
