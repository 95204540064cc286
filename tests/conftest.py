"""Private stores for the suite: real PostgreSQL and Redis, started only when a test asks.

Every xdist worker has its own servers and database. TEST_DATABASE_URL names another
PostgreSQL to use (a superuser's address; databases are created beside the named one).
Engines and applications are left to the folders that need them.
"""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from redis import Redis
from sqlalchemy import make_url

import migrations
from jobs import stores as launcher
from jobs.stores import Stores


@contextmanager
def private_stores(*, durable: bool, database_url: str | None = None) -> Iterator[Stores]:
    """Stores in a new directory, stopped and removed at the end.

    For tests that stop or kill servers; others take the fixtures below.
    """
    state_dir = Path(tempfile.mkdtemp(prefix="mendline-"))
    stores = launcher.start(state_dir, database_url=database_url, redis_url=None, durable=durable)
    homes = {server.place.home for server in (stores.postgres, stores.redis) if server}
    try:
        yield stores
    finally:
        stores.stop()
        for path in homes - {state_dir}:
            shutil.rmtree(path)
        shutil.rmtree(state_dir)


def libpq(url: str) -> str:
    """The same address without SQLAlchemy's driver name, as psycopg takes it."""
    return "postgresql://" + url.split("://", 1)[1]


def beside(url: str, database: str) -> str:
    """The address of another database on the same server."""
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def create_database(url: str, name: str, template: str = "template1") -> str:
    """Create a database, replacing an old one of that name, and return its address."""
    drop_database(url, name)
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    with psycopg.connect(libpq(url), autocommit=True) as connection:
        connection.execute(statement)
    return beside(url, name)


def drop_database(url: str, name: str) -> None:
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(libpq(url), autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(scope="session")
def stores() -> Iterator[Stores]:
    """Both servers, fast and not crash-safe."""
    url = os.environ.get("TEST_DATABASE_URL")
    with private_stores(durable=False, database_url=url) as started:
        yield started


@pytest.fixture(scope="session")
def template(stores: Stores, testrun_uid: str, worker_id: str) -> Iterator[str]:
    """The name of a migrated, empty database to copy."""
    name = f"template_{worker_id}_{testrun_uid[:8]}"
    migrations.upgrade(create_database(stores.database_url, name))
    yield name
    drop_database(stores.database_url, name)


@pytest.fixture(scope="session")
def database_url(stores: Stores, template: str, worker_id: str) -> Iterator[str]:
    """This worker's migrated database. Tests that write take `db`, which empties it first."""
    name = template.replace("template", "test", 1)
    yield create_database(stores.database_url, name, template)
    drop_database(stores.database_url, name)


ROUNDS_BETWEEN_TRUNCATES = 25
_TABLES = (
    "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
    "WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
)
_RESTART_COUNTERS = (
    "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) "
    "FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
)


class Emptied:
    """Deletes what a test left, which is twenty times faster than truncating every table; now and
    then all are truncated, or the room of what was deleted would slow down every look at them.
    """

    def __init__(self, url: str):
        self._url = libpq(url)
        self._count = 0

    def __call__(self) -> None:
        with psycopg.connect(self._url) as connection:
            # Some tables refuse to be emptied; their triggers do not fire for a replica.
            connection.execute("SET LOCAL session_replication_role = replica")
            names = [row[0] for row in connection.execute(_TABLES)]
            if names and self._count % ROUNDS_BETWEEN_TRUNCATES == 0:
                connection.execute(f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE")
            elif names:
                looks = (f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in names)
                for (name,) in connection.execute(" UNION ALL ".join(looks)).fetchall():
                    connection.execute(f"DELETE FROM {name}")
                connection.execute(_RESTART_COUNTERS)
        self._count += 1


@pytest.fixture
def db(database_url: str, _emptied: Emptied) -> str:
    """The address of this worker's database with every table empty and every counter at 1."""
    _emptied()
    return database_url


@pytest.fixture(scope="session")
def _emptied(database_url: str) -> Emptied:
    return Emptied(database_url)


@pytest.fixture(scope="session")
def redis_url(stores: Stores) -> str:
    if stores.redis_url is None:
        pytest.skip("this machine has no Redis")
    return stores.redis_url


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[Redis]:
    """A client of this worker's Redis, emptied first."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


def pytest_collection_finish() -> None:
    """What is loaded by now stays: without it each full collection would look at all of it."""
    gc.collect()
    gc.freeze()
