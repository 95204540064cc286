"""Health, readiness, metrics and the log line of a request."""

import io
import json
import logging
import sys
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import event

from bridge import context, logs
from crm.core.db import make_engine
from crm.core.uow import Units

NOBODY = "postgresql+psycopg://nobody@127.0.0.1:1/none"
OUTSIDE = {"REMOTE_ADDR": "203.0.113.9"}


def test_healthz_asks_nobody(app, client):
    engine = make_engine(NOBODY)
    context.put(
        app.extensions, replace(app.extensions["mendline"], engine=engine, units=Units(engine))
    )
    assert client.get("/healthz").json == {"status": "ok"}


def test_ready(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200 and answer.json["status"] == "ready"
    checks = answer.json["checks"]
    assert {"database", "schema", "clock", "disk", "redis"} == set(checks)
    assert all(check["ok"] for check in checks.values())


def test_without_the_database_not_ready_and_the_api_says_503(app, client):
    engine = make_engine(NOBODY)
    context.put(
        app.extensions, replace(app.extensions["mendline"], engine=engine, units=Units(engine))
    )
    answer = client.get("/readyz")
    assert answer.status_code == 503 and answer.json["checks"]["database"]["ok"] is False
    call = client.get("/api/v1/keys", headers={"Authorization": "Bearer x"})
    assert (call.status_code, call.headers["Retry-After"]) == (503, "5")
    assert "127.0.0.1" not in call.text


def test_a_connection_that_is_closed_is_no_defect(app, client):
    def closed(*_):
        raise psycopg.InterfaceError("the connection is closed")

    engine = make_engine(NOBODY)
    event.listen(engine, "do_connect", closed)
    context.put(
        app.extensions, replace(app.extensions["mendline"], engine=engine, units=Units(engine))
    )
    assert client.get("/readyz").status_code == 503


def test_without_redis_only_slower(make_app):
    client = make_app(redis_url="redis://127.0.0.1:1/0").test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    # Limits fall back to this process instead of failing.
    statuses = [client.post("/admin/sign-in/guess").status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


def test_limits_are_counted_in_redis(make_app, redis_client, redis_url):
    client = make_app(redis_url=redis_url).test_client()
    statuses = [client.post("/admin/sign-in/guess").status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert any(b"sign_in" in key for key in redis_client.scan_iter())


def test_metrics_are_private(client, as_role):
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404
    assert client.get("/metrics", environ_base=OUTSIDE).status_code == 404
    for role, status in (("manager", 200), ("desk", 404)):
        caller = as_role(role)
        assert caller("GET", "/metrics", environ_base=OUTSIDE).status_code == status


def test_metrics_tell_rows_and_requests(client):
    client.get("/healthz")
    page = client.get("/metrics").text
    assert 'mendline_request_seconds_count{method="GET",route="/healthz",status="2xx"}' in page
    for name in ("mendline_dead 0.0", "mendline_unsure 0.0", "mendline_inbox_oldest_seconds",
                 "mendline_clock_drift_seconds", "mendline_lost_leases"):  # fmt: skip
        assert name in page


@pytest.fixture
def lines(monkeypatch):
    """Log lines of the test, read back as JSON."""
    root, stream = logging.getLogger(), io.StringIO()
    level = root.level
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure("json")
    (ours,) = root.handlers
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    # The runner's own handlers differ from phase to phase and are its own to put back.
    root.removeHandler(ours)
    root.setLevel(level)


def test_one_line_per_request_without_the_token(lines, client):
    client.get("/admin/sign-in/very-secret-token", headers={"X-Request-Id": "r-1"})
    (line,) = [line for line in lines() if line["event"] == "request"]
    assert line["route"].startswith("/admin/sign-in/<") and line["status"] == 410
    assert line["request_id"] == "r-1" and line["ms"] >= 0 and line["timestamp"].endswith("Z")
    assert "very-secret-token" not in json.dumps(line)


def test_contacts_are_masked_in_every_line(lines):
    logging.getLogger("some.library").warning("mail to %s", "jane.doe@mail.example")
    logging.getLogger("some.library").warning("call +44 20 7946 0018 about 2026-11-21")
    first, second = lines()
    assert first["event"] == "mail to j***@mail.example"
    assert "7946" not in second["event"] and second["event"].endswith("about 2026-11-21")
