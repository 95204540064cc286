"""How Alembic runs the steps: one runner at a time, each step in its own transaction.

Alembic executes this file; `migrations` hands it the database's address.
"""

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from migrations.models import metadata

RUNNER_LOCK = 0x6D656E64  # an arbitrary number, the same in every release
RUNNER_WAIT = "120s"
# A step that waits for a lock makes every later query on that table wait behind it.
LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "30s"


def run(database_url: str) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{RUNNER_WAIT}'"))
        # Held by the session, so it ends with this connection however that ends.
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": RUNNER_LOCK})
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection, target_metadata=metadata, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()


run(context.config.attributes["database_url"])
