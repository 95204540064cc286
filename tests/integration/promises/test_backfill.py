"""Repairs from before get their steps when the table is made; what began years ago is left out."""

from sqlalchemy import NullPool, create_engine, text

import migrations
from jobs.stores import Stores
from tests.conftest import create_database, drop_database

NAME = "mendline_steps_from_before"
MOVES = (
    (1, "created", None, "received", 0),
    (3, "created", None, "received", -30_000),
    (3, "moved", "received", "repairing", 1),
    (1, "moved", "received", "repairing", 2),
    (2, "created", None, "testing", 2),
    (1, "note", None, None, 3),
    (1, "late", "repairing", "diagnosing", 1),
    (1, "corrected", "repairing", "diagnosing", 4),
    (1, "moved", "diagnosing", "completed", 9),
)


def test_steps_of_the_history(stores: Stores):
    url = create_database(stores.database_url, NAME)
    engine = create_engine(url, poolclass=NullPool)
    try:
        migrations.upgrade(url, "0007")
        with engine.begin() as connection:
            for ref in ("RPR-1", "RPR-2", "RPR-3"):
                connection.execute(
                    text(
                        "INSERT INTO repairs (ref, status, status_at, status_occurred_at, currency,"
                        " received_at, updated_at)"
                        " VALUES (:ref, 'received', now(), now(), 'GBP', now(), now())"
                    ),
                    {"ref": ref},
                )
            for repair, outcome, before, after, hours in MOVES:
                connection.execute(
                    text(
                        "INSERT INTO repair_history (repair_id, outcome, from_status, to_status,"
                        " actor_kind, actor_name, occurred_at, recorded_at) VALUES (:repair,"
                        " :outcome, :before, :after, 'shop', 'till',"
                        " timestamptz '2026-01-05T09:00Z' + make_interval(hours => :hours),"
                        " now() + least(0, :hours) * interval '1 hour')"
                    ),
                    {"repair": repair, "outcome": outcome, "before": before, "after": after,
                     "hours": hours},
                )  # fmt: skip
        migrations.upgrade(url, "0008")
        with engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT repair_id, status, to_status, actor_name,"
                    " extract(hour FROM finished_at - started_at)::int FROM repair_steps ORDER BY id"
                )
            )
            assert [tuple(row) for row in rows] == [
                (1, "received", "repairing", "till", 2),
                (1, "diagnosing", "completed", "till", 5),
            ]
    finally:
        drop_database(stores.database_url, NAME)
