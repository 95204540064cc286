"""One ZIP with everything held about a person: `data.json`, and their files as they are kept."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import LargeBinary

from crm.core import audit, clock
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.files.models import File
from crm.files.receiving import file_name
from crm.files.store import Store
from crm.privacy.gathering import Person, Row, gather, mentions_of, rows_of_events

ABOUT = (
    "Everything the shop holds about this person, by table. Sealed secrets (codes, passcodes) are "
    "left out: nobody reads them but the service. Conversations in Chatwoot are exported there."
)


def collect(uow: UnitOfWork, ref: str, actor: Actor) -> tuple[dict[str, Any], list[File]]:
    """What `data.json` will hold, and the files beside it. Audited. Raises NotFound."""
    customer = customers.by_ref(uow, ref)
    person = gather(uow, customer.id)
    tables = {name: [_plain(row) for row in rows.values()]
              for name, rows in sorted(person.rows.items()) if rows}  # fmt: skip
    tables["events"] = [_plain(row) for row in rows_of_events(uow, person)]
    tables["audit"] = [_plain(row) for row in mentions_of(uow, person)]
    files = _files(uow, person)
    audit.write(uow, actor, "customer.export", customer.ref, {"files": len(files)})
    return {"about": ABOUT, "customer": customer.ref, "made_at": clock.iso(uow.now),
            "tables": tables}, files  # fmt: skip


def write_zip(target: BinaryIO, data: dict[str, Any], files: Sequence[File], store: Store) -> None:
    """No unit is open: files may come from elsewhere. Raises Temporary."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        text = json.dumps(data, indent=2, ensure_ascii=False, default=_json)
        archive.writestr("data.json", text)
        for file in files:
            source = store.source(file.key, file_name(file.content_type))
            with archive.open(f"files/{file.id}-{Path(file.name).name}", "w") as place:
                if isinstance(source, Path):
                    with source.open("rb") as content:
                        shutil.copyfileobj(content, place)
                else:
                    shutil.copyfileobj(source, place)


def _files(uow: UnitOfWork, person: Person) -> list[File]:
    return [uow.session.get_one(File, number) for number in person.ids(File.__tablename__)]


def _plain(row: Row) -> dict[str, Any]:
    return {
        column.name: row[column.name]
        for column in row["__table__"].columns
        if not isinstance(column.type, LargeBinary)
    }


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.iso(value)
    return value.isoformat() if isinstance(value, date) else str(value)
