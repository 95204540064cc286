"""Rows of the sandbox: plain dicts in memory, written through to one SQLite file.

Memory is what requests read; the file only carries the rows over a restart, so it is written
without fsync. Rules and JSON shapes live elsewhere. Every access happens inside
`transaction()`, which also is the one lock of the sandbox.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Row = dict[str, Any]

# Different starting points, so that a client mixing up two kinds of ids is found out.
FIRST_IDS = {"contact": 101, "session": 501, "message": 1001}
CONTACT_KEYS = ("email", "phone_number", "identifier")


class Store:
    """All rows by kind and id, with the look-ups that must not scan.

    Kinds: account agent bot contact session conversation message file inbox team label canned
    definition webhook dashboard_app macro mail sequence. A session is Chatwoot's contact inbox.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._dirty: dict[tuple[str, int], Row | None] = {}
        self._file = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._file.execute("PRAGMA synchronous = OFF")
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS rows (kind TEXT, id INTEGER, body TEXT NOT NULL,"
            " PRIMARY KEY (kind, id)) WITHOUT ROWID"
        )
        self._clear_memory()
        for kind, body in self._file.execute("SELECT kind, body FROM rows ORDER BY kind, id"):
            self._remember(kind, json.loads(body))

    def _clear_memory(self) -> None:
        self._rows: dict[str, dict[int, Row]] = defaultdict(dict)
        self.messages_of: dict[int, list[Row]] = defaultdict(list)
        self.conversations_of: dict[int, list[Row]] = defaultdict(list)
        self.conversations_of_session: dict[int, list[Row]] = defaultdict(list)
        self.sessions_of: dict[int, list[Row]] = defaultdict(list)
        self.session_of_source: dict[str, Row] = {}
        self.contact_of: dict[str, dict[str, Row]] = {key: {} for key in CONTACT_KEYS}
        self._contact_keys: dict[int, dict[str, str | None]] = {}
        self.token_owner: dict[str, tuple[str, Row]] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock; the outermost block writes what changed to the file."""
        with self._lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0 and self._dirty:
                    self._write()

    def _write(self) -> None:
        gone = [key for key, row in self._dirty.items() if row is None]
        kept = [(*key, json.dumps(row)) for key, row in self._dirty.items() if row is not None]
        with self._file:
            self._file.executemany("DELETE FROM rows WHERE kind = ? AND id = ?", gone)
            self._file.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", kept)
        self._dirty.clear()

    def all(self, kind: str) -> list[Row]:
        return list(self._rows[kind].values())

    def get(self, kind: str, row_id: int | None) -> Row | None:
        return self._rows[kind].get(row_id) if row_id is not None else None

    def insert(self, kind: str, row: Row) -> Row:
        """Give the row its id (never used twice, restarts and resets included) and keep it."""
        row["id"] = self._next_id(kind)
        self._remember(kind, row)
        self._dirty[(kind, row["id"])] = row
        return row

    def save(self, kind: str, row: Row) -> None:
        if kind == "contact":
            self._index_contact(row)
        self._dirty[(kind, row["id"])] = row

    def delete(self, kind: str, row: Row) -> None:
        """Forget a row of a kind that has no look-ups (settings, mails)."""
        del self._rows[kind][row["id"]]
        self._dirty[(kind, row["id"])] = None

    def clear(self, kinds: set[str]) -> None:
        """Forget all rows of these kinds; ids go on counting."""
        self.forget({(kind, number) for kind in kinds for number in self._rows[kind]})

    def forget(self, gone: set[tuple[str, int]]) -> None:
        """Forget rows of any kind, by kind and id, with their look-ups."""
        kept = [(k, row) for k, rows in self._rows.items() for row in rows.values()]
        self._clear_memory()
        for kind, row in kept:
            if (kind, row["id"]) in gone:
                self._dirty[(kind, row["id"])] = None
            else:
                self._remember(kind, row)

    def _next_id(self, kind: str) -> int:
        sequence = next((s for s in self.all("sequence") if s["kind"] == kind), None)
        if sequence is None:
            first = FIRST_IDS.get(kind, 1)
            sequence = {"id": len(self._rows["sequence"]) + 1, "kind": kind, "next": first}
            self._remember("sequence", sequence)
        number = sequence["next"]
        sequence["next"] += 1
        self._dirty[("sequence", sequence["id"])] = sequence
        return number

    def _remember(self, kind: str, row: Row) -> None:
        self._rows[kind][row["id"]] = row
        if kind == "message":
            self.messages_of[row["conversation_id"]].append(row)
        elif kind == "conversation":
            self.conversations_of[row["contact_id"]].append(row)
            self.conversations_of_session[row["session_id"]].append(row)
        elif kind == "session":
            self.sessions_of[row["contact_id"]].append(row)
            self.session_of_source[row["source_id"]] = row
        elif kind == "contact":
            self._index_contact(row)
        elif kind in ("agent", "bot"):
            self.token_owner[row["access_token"]] = (kind, row)

    def _index_contact(self, row: Row) -> None:
        for key, old in self._contact_keys.get(row["id"], {}).items():
            if old and self.contact_of[key].get(old) is row:
                del self.contact_of[key][old]
        self._contact_keys[row["id"]] = {key: row[key] for key in CONTACT_KEYS}
        for key in CONTACT_KEYS:
            if row[key]:
                self.contact_of[key][row[key]] = row
