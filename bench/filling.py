"""Fills a database with as many repairs and messages as a busy shop gathers in years.

Per four repairs: one customer, one ticket, one conversation and four messages; per repair one line
of history, one event and one delivery in the inbox. Foreign keys are not checked while filling.
"""

from __future__ import annotations

import psycopg

from bench.bodies import ACCOUNT_ID

EACH = 4  # repairs and messages of one customer
# Delivery keys and references come in no order, as in life, so that the indexes are as wide.
_PEOPLE = """
INSERT INTO customers (id, ref, name, email, created_at, updated_at)
SELECT i, 'CUS-' || i, 'Visitor ' || md5(i::text), 'visitor' || i || '@example.com', now(), now()
FROM generate_series(%(first)s, %(last)s) i;
INSERT INTO customer_keys (customer_id, kind, value, is_proven, created_at)
SELECT i, 'chatwoot_contact', %(account)s || ':' || i, true, now()
FROM generate_series(%(first)s, %(last)s) i;
INSERT INTO customer_keys (customer_id, kind, value, is_proven, created_at)
SELECT i, 'email', 'visitor' || i || '@example.com', false, now()
FROM generate_series(%(first)s, %(last)s) i;
INSERT INTO tickets (id, ref, customer_id, subject, status, source, created_at, updated_at)
SELECT i, 'TKT-' || lpad(i::text, 6, '0'), i, 'A dark display', 'open', 'chatwoot', now(), now()
FROM generate_series(%(first)s, %(last)s) i;
INSERT INTO conversations (account_id, number, inbox_id, contact_id, channel, ticket_id,
                           customer_id, status, last_activity_at, created_at)
SELECT %(account)s, i, 1, i, 'Channel::WebWidget', i, i, 'open', now(), now()
FROM generate_series(%(first)s, %(last)s) i"""
_RECORDS = """
INSERT INTO repairs (id, ref, customer_id, device, problem, status, status_at, status_occurred_at,
                     currency, received_at, updated_at)
SELECT i, 'RPR-' || md5(i::text), (i - 1) / %(each)s + 1, 'Phone', 'Dark display',
       (ARRAY['received', 'repairing', 'ready_pickup', 'delivered'])[i %% 4 + 1], now(), now(),
       'EUR', now(), now()
FROM generate_series(%(first)s, %(last)s) i;
INSERT INTO repair_history (repair_id, outcome, to_status, actor_kind, actor_name, occurred_at,
                            recorded_at)
SELECT i, 'created', 'received', 'shop', 'till', now(), now()
FROM generate_series(%(first)s, %(last)s) i;
INSERT INTO ticket_repairs (ticket_id, repair_id, linked_at)
SELECT (i - 1) / %(each)s + 1, i, now() FROM generate_series(%(first)s, %(last)s) i;
INSERT INTO ticket_messages (ticket_id, conversation_id, author_kind, author_name, body, private,
                             external_id, created_at)
SELECT (i - 1) / %(each)s + 1, (i - 1) / %(each)s + 1, 'customer', 'Visitor',
       'The display of my phone stays dark since it fell.', false, 'chatwoot:' || i, now()
FROM generate_series(%(first)s, %(last)s) i;
INSERT INTO events (kind, subject_kind, subject_id, actor_kind, actor_name, data, at)
SELECT 'ticket.message_received', 'ticket', (i - 1) / %(each)s + 1, 'customer', 'Visitor', '{}',
       now()
FROM generate_series(%(first)s, %(last)s) i;
INSERT INTO inbox (source, sender, type, subject, delivery_key, meaning_key, body_hash, state,
                   received_at, done_at)
SELECT 'chatwoot', %(account)s::text, 'message_created',
       'conversation:' || %(account)s || ':' || ((i - 1) / %(each)s + 1), md5(i::text),
       'message_created:' || i, md5(i::text) || md5((i + 1)::text), 'done', now(), now()
FROM generate_series(%(first)s, %(last)s) i"""
BIG = frozenset(
    ("customers", "customer_keys", "tickets", "conversations", "repairs", "repair_history",
     "ticket_repairs", "ticket_messages", "events", "inbox")
)  # fmt: skip


def fill(database_url: str, present: int, wanted: int) -> None:
    """Go from `present` to `wanted` repairs and messages, and let the planner know."""
    values = {"account": ACCOUNT_ID, "each": EACH}
    people = values | {"first": present // EACH + 1, "last": wanted // EACH}
    records = values | {"first": present + 1, "last": wanted}
    with psycopg.connect(database_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as db:
        db.execute("SET session_replication_role = replica")
        db.execute("SET synchronous_commit = off")
        for statements, numbers in ((_PEOPLE, people), (_RECORDS, records)):
            for statement in statements.split(";"):
                db.execute(statement, numbers)
        db.execute("SELECT setval('ticket_numbers', %s)", [wanted])
        db.execute("VACUUM ANALYZE")
        db.execute("CHECKPOINT")
