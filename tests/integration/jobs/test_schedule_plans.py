"""What the shop does by itself reads by index, however much there is: its plans on filled tables."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

import app as composition
from bench import filling, plans
from bridge.settings import load
from crm.core import ops
from crm.core.events import SYSTEM
from crm.notifications import again
from crm.privacy import gathering
from crm.promises.watch import Watch
from crm.staff import roles
from crm.staff import service as staff
from jobs import bulk, leases, scheduler
from jobs.stores import Stores
from tests.conftest import create_database, drop_database, libpq
from tests.integration.bookings.conftest import ENVIRON

ROWS = 6_000
# Beside what the bench fills: messages, follow-ups, bookings and effects of a few years, all over.
_FILL = (
    """UPDATE repairs SET status = 'delivered', status_at = now() - interval '100 days'
       WHERE id %% 200 <> 0""",
    "UPDATE inbox SET received_at = now() - interval '10 days'",
    """INSERT INTO notifications (event_key, template, locale, customer_id, repair_id, booking_id,
                                  body, channel, state, reason, not_before, deadline_at, created_at)
       SELECT 'repair:' || i || ':entry:' || i, 'repair_testing', 'en', (i - 1) / 4 + 1, i, i,
              'Words', 'mail', 'delivered', 'by mail', now(), now(), now()
       FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO follow_ups (repair_id, customer_id, kind, state, due_at, event_key, composed_at,
                               sent_at, closed_at, created_by, created_at)
       SELECT i, (i - 1) / 4 + 1, 'survey', 'completed', now(), 'follow-up:' || i, now(), now(),
              now(), 'plan', now()
       FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO bookings (ref, status, location_id, email, phone, way, currency, minutes, by_guest,
                             starts_at, held_until, created_at, updated_at)
       SELECT 'BKG-' || i, 'checked_in', 1, 'visitor' || i || '@example.com', '+44' || i, 'shop',
              'GBP', 60, true, now() - interval '90 days', now() - interval '100 days',
              now() - interval '100 days', now() - interval '90 days'
       FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO outbox (kind, mode, effect_key, destination, lane, body, state, due_at, done_at,
                           created_at)
       SELECT 'mail.message', 'send', 'repair:' || i, 'mail', 'mail:repair:' || i, '{}',
              CASE WHEN i %% 20 = 0 THEN 'pending' ELSE 'done' END, now() + interval '1 day',
              now() - interval '10 days', now()
       FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO quotes (ref, repair_id, customer_id, version, state, currency, created_at,
                           created_by, sent_at, expires_at)
       SELECT 'QUO-' || i, i, (i - 1) / 4 + 1, 1, 'approved', 'GBP', now(), 'Tom',
              now() - interval '50 days', now() - interval '20 days'
       FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO repair_steps (entry_id, repair_id, status, to_status, actor_kind, actor_name,
                                 started_at, finished_at)
       SELECT i, i, 'testing', 'completed', 'staff', 'Tom', now() - interval '401 days',
              now() - interval '400 days'
       FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO surveys (repair_id, rating, locale, via, at, changed_at)
       SELECT i, 5, 'en', 'page', now() - interval '400 days', now() - interval '400 days'
       FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO payments (ref, repair_id, method, amount_minor, currency, purpose, state,
                             received_at, received_by)
       SELECT 'PAY-' || i, i, 'cash', 100, 'GBP', 'balance', 'received',
              now() - interval '400 days', 'Tom'
       FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO payment_attempts (ref, repair_id, purpose, amount_minor, currency, provider, state,
                                     created_at, expires_at, settled_at)
       SELECT 'ATT-' || i, i, 'balance', 100, 'GBP', 'stripe', 'paid', now(), now(), now()
       FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO passcodes (repair_id, is_from_chat, set_by, set_at, wiped_at)
       SELECT i, true, 'Visitor', now(), now() FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO notices (event_key, kind, role, about, at)
       SELECT 'event:' || i, 'ticket.opened', 'desk', '{}', now()
       FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO portal_links (token_hash, customer_id, expires_at, created_at)
       SELECT 'link' || i, (i - 1) / 4 + 1, now(), now() FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO estimates (ref, category, rules_version, request, result, total_minor, currency,
                              created_at, expires_at)
       SELECT 'EST-' || i, 'iphone', 1, '{}', '{}', 100, 'GBP', now(), now()
       FROM generate_series(1, %(rows)s) i""",
    """INSERT INTO idempotency_keys (scope, key, fingerprint, answer, created_at)
       SELECT 'key/1', 'k' || i, 'f', '', now() FROM generate_series(1, %(rows)s) i""",
)  # fmt: skip
BIG = filling.BIG | {
    "notifications", "follow_ups", "bookings", "outbox", "quotes", "repair_steps", "surveys",
    "payments", "payment_attempts", "passcodes", "notices", "portal_links", "estimates",
    "idempotency_keys",
}  # fmt: skip


@pytest.fixture(scope="module")
def parts(stores: Stores, template: str, worker_id: str, tmp_path_factory) -> Iterator:
    name = f"plans_{worker_id}_{template[-8:]}"
    url = create_database(stores.database_url, name, template)
    filling.fill(url, 0, ROWS)
    with psycopg.connect(
        libpq(url), autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in _FILL:
            connection.execute(statement, {"rows": ROWS})
        connection.execute("VACUUM ANALYZE")
    state = str(tmp_path_factory.mktemp("state"))
    told = {"STATE_DIR": state, "SMTP_URL": "smtp://127.0.0.1:1", "MAIL_FROM": "desk@quay.example"}
    made = composition.compose(load(ENVIRON | told), url, None)
    with made.units() as uow:
        staff.create_staff(uow, SYSTEM, email="ada@quay.example", name="Ada", role=roles.ADMIN)
    yield made
    made.engine.dispose()
    drop_database(stores.database_url, name)


def _schedules() -> list[str]:
    return [
        "core.forget", "passcodes.wipe", "unclaimed.round", "followups.round", "quotes.nudge",
        "weekly.round",
    ]  # fmt: skip


def test_all_duties_are_looked_at(parts):
    """Those of outside services ask them; their own reads are by id."""
    elsewhere = {"promises.watch", "files.sweep"}
    assert {one.name for one in parts.schedules()} - elsewhere == set(_schedules())


@pytest.mark.parametrize("name", _schedules())
def test_a_duty_reads_by_index(parts, name):
    (duty,) = [one for one in parts.schedules() if one.name == name]
    assert plans.of(parts.engine, BIG, duty.run).whole == set()


def test_the_watch_over_promises_reads_by_index(parts):
    watch = Watch(parts.units, parts.shop.timezone)
    assert plans.of(parts.engine, BIG, watch.run).whole == set()


def test_the_sweep_reads_by_index(parts):
    """Also past thousands that wait for their hour."""

    def call() -> None:
        leases.expire(parts.units, 60)
        with parts.units() as uow:
            uow.session.execute(scheduler._DUE_INBOX, {"age": 0, "most": 100})
            uow.session.execute(scheduler._DUE_OUTBOX, {"age": 0, "most": 100})
            uow.session.execute(bulk._EFFECT, {"taken": []})
            uow.session.execute(bulk._DELIVERY, {"taken": [], "most": 100})

    assert plans.of(parts.engine, BIG, call).whole == set()


def test_the_page_of_health_reads_by_index(parts):
    def call() -> None:
        with parts.units() as uow:
            ops.snapshot(uow)

    assert plans.of(parts.engine, BIG, call).whole == set()


def test_the_secrets_of_stale_messages_are_found_by_their_own_index(parts):
    (duty,) = [one for one in parts.schedules() if one.name == "core.forget"]
    assert "ix_notifications_sealed" in plans.of(parts.engine, BIG, duty.run).indexes


def test_messages_are_found_by_the_beginning_of_their_key(parts):
    def call() -> None:
        with parts.units() as uow:
            again._rows_of(uow, "repair:7:entry:7")

    found = plans.of(parts.engine, BIG, call)
    assert found.whole == set() and found.indexes == {"uq_notifications_event_key"}


def test_messages_about_a_person_are_found_by_index(parts):
    def call() -> None:
        with parts.units() as uow:
            gathering.gather(uow, 7)

    assert plans.of(parts.engine, {"notifications"}, call).whole == set()
