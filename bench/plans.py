"""How the database answers: what every statement of a call really reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event

# So many rows of a big table may be looked at for nothing by one step of a plan.
MOST_PASSED_OVER = 1_000


@dataclass
class Plans:
    """big: the tables looked at. whole: those read from end to end. indexes: in use."""

    big: Collection[str]
    whole: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)

    def add(self, node: dict[str, Any]) -> None:
        # An index walked without a condition, rows filtered on the way, reads as much; so does one
        # whose condition holds for nearly all.
        walks = "Index" in node["Node Type"] and "Index Cond" not in node and "Filter" in node
        if "Actual Loops" in node:
            passed_over = node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
            walks = passed_over > MOST_PASSED_OVER
        if (walks or node["Node Type"] == "Seq Scan") and node.get("Relation Name") in self.big:
            self.whole.add(node["Relation Name"])
        if "Index Name" in node:
            self.indexes.add(node["Index Name"])
        for child in node.get("Plans", ()):
            self.add(child)


def of(engine: Engine, big: Collection[str], call: Callable[[], Any]) -> Plans:
    """Do it, then run its statements again one by one; of those nothing stays."""
    with _statements(engine) as statements:
        call()
    plans = Plans(big)
    with engine.connect() as connection:
        for statement, values in statements:
            # What was inserted once cannot be inserted again.
            how = "FORMAT JSON" if _verb(statement) == "INSERT" else "ANALYZE, FORMAT JSON"
            explained = connection.exec_driver_sql(f"EXPLAIN ({how}) {statement}", values)
            found = explained.scalar_one()
            plans.add((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])
            connection.rollback()
    return plans


@contextmanager
def _statements(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """Every statement with a plan that leaves for the database meanwhile, with its values."""
    seen: list[tuple[str, Any]] = []

    def note(connection, cursor, statement, values, execution, executemany) -> None:
        if _verb(statement) in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
            seen.append((statement, values[0] if executemany else values))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _verb(statement: str) -> str:
    return statement.split(maxsplit=1)[0].upper()
