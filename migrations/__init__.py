"""The database's schema over time: one numbered step a file, in `versions/`.

Each step must be safe beside the previous release. How a step is run (locks, limits,
transactions) is in `env.py`; what the schema should be in the end is in `crm.models`.
Alembic is large, and the processes that stay only ask whether the schema is theirs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, NullPool, create_engine, text

if TYPE_CHECKING:
    from alembic.config import Config

HERE = Path(__file__).parent


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the database up to `revision`; two callers at once take turns.

    Raises sqlalchemy.exc.OperationalError when a step cannot get its lock within seconds:
    nothing of that step is kept, try again when the table is less busy.
    """
    from alembic import command

    command.upgrade(_config(database_url), revision)


def downgrade(database_url: str, revision: str) -> None:
    """Bring the database back to `revision` ("base": nothing left)."""
    from alembic import command

    command.downgrade(_config(database_url), revision)


def current(database_url: str) -> str | None:
    """The revision the database is at, None before the first step."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        return _current(connection)


@cache
def head() -> str | None:
    """The newest revision this release knows: steps are named by their number."""
    return max((path.name[:4] for path in _steps()), default=None)


def is_current(connection: Connection) -> bool:
    """Whether the connected database is at this release's newest revision."""
    return _current(connection) == head()


def draft(database_url: str, message: str) -> None:
    """Write the next numbered step from the difference between `crm.models` and the database."""
    from alembic import command

    number = len(_steps()) + 1
    command.revision(_config(database_url), message, autogenerate=True, rev_id=f"{number:04}")


def _steps() -> list[Path]:
    return list((HERE / "versions").glob("[0-9]*.py"))


def _current(connection: Connection) -> str | None:
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _config(database_url: str | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["database_url"] = database_url
    return config
