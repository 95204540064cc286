"""The database's schema over time: one numbered step a file, in `versions/`.

Each step must be safe beside the previous release. How a step is run (locks, limits,
transactions) is in `env.py`; what the schema should be in the end is in `crm.models`.
"""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine

HERE = Path(__file__).parent


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the database up to `revision`; two callers at once take turns.

    Raises sqlalchemy.exc.OperationalError when a step cannot get its lock within seconds:
    nothing of that step is kept, try again when the table is less busy.
    """
    command.upgrade(_config(database_url), revision)


def downgrade(database_url: str, revision: str) -> None:
    """Bring the database back to `revision` ("base": nothing left)."""
    command.downgrade(_config(database_url), revision)


def current(database_url: str) -> str | None:
    """The revision the database is at, None before the first step."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache
def head() -> str | None:
    """The newest revision this release knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def is_current(connection: Connection) -> bool:
    """Whether the connected database is at this release's newest revision."""
    return MigrationContext.configure(connection).get_current_revision() == head()


def draft(database_url: str, message: str) -> None:
    """Write the next numbered step from the difference between `crm.models` and the database."""
    number = len(list((HERE / "versions").glob("[0-9]*.py"))) + 1
    command.revision(_config(database_url), message, autogenerate=True, rev_id=f"{number:04}")


def _config(database_url: str | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["database_url"] = database_url
    return config
