"""Engine, declarative base and constraint names. Leaves transactions to `uow.py`."""

from __future__ import annotations

import os
import weakref
from datetime import datetime

from sqlalchemy import DateTime, Engine, MetaData, create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: DateTime(timezone=True), dict: JSONB, list: JSONB}


def make_engine(url: str, *, pool_size: int = 10, statement_seconds: int = 30) -> Engine:
    """An engine whose connections speak UTC and never wait for ever.

    statement_seconds: the longest one statement may take before PostgreSQL ends it.
    """
    options = f"-c timezone=UTC -c statement_timeout={statement_seconds * 1000} -c lock_timeout=10s"
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=5,
        # Parameters are names and messages; a traceback in the log must not carry them.
        hide_parameters=True,
        connect_args={"options": options, "connect_timeout": 5},
    )
    _engines.add(engine)
    return engine


def _forget_parents_connections() -> None:
    for engine in _engines:
        engine.dispose(close=False)


# A pool inherited through fork mixes up answers between processes.
os.register_at_fork(after_in_child=_forget_parents_connections)
