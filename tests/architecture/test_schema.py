"""The models and the migrated schema are the same, and every step goes down and up again."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine, text

import migrations
from jobs.stores import Stores
from migrations.models import metadata
from tests.conftest import create_database, drop_database


def _differences(url: str) -> list:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return compare_metadata(context, metadata)


def test_models_equal_schema(database_url: str):
    assert _differences(database_url) == []


def test_steps_are_named_by_their_numbers(database_url: str):
    scripts = ScriptDirectory(str(migrations.HERE))
    assert scripts.get_heads() == [migrations.head()] == [migrations.current(database_url)]


def test_down_and_up_again(stores: Stores):
    url = create_database(stores.database_url, "mendline_down_and_up")
    try:
        migrations.upgrade(url)
        migrations.downgrade(url, "base")
        with create_engine(url, poolclass=NullPool).connect() as connection:
            left = connection.execute(
                text(
                    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
                )
            ).scalars()
            assert set(left) <= {"alembic_version"}
        migrations.upgrade(url)
        assert _differences(url) == []
    finally:
        drop_database(stores.database_url, "mendline_down_and_up")
