"""Rows of sheets into the tables: what ships with the product, and what the shop brings.

A shipped row follows the product until the shop edits it; from then on it is the shop's. A shipped
row that the product drops is retired, unless it is the shop's.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from crm.catalog import sheets, words
from crm.catalog.kinds import CATEGORIES, MODELS, Kind
from crm.catalog.models import Category, DeviceModel, RepairType, Sourced, Word
from crm.catalog.sheets import Row
from crm.core.uow import UnitOfWork

Counts = dict[str, int]


def ship(uow: UnitOfWork, kind: Kind, rows: Iterable[Row]) -> Counts:
    """Bring the table up to what the product ships: {"added", "updated", "kept", "retired"}.

    kept: the shop's own rows and edits that were left alone. A second time changes nothing.
    """
    counts: Counter[str] = Counter()
    known = _known(uow, kind)
    shipped = set()
    for row in rows:
        key = kind.key_of(row.values)
        shipped.add(key)
        digest, found = _hash(row.values), known.get(key)
        if found is None:
            _add(uow, kind, row.values, shipped_hash=digest)
            counts["added"] += 1
        elif found.is_edited or not found.is_shipped:
            counts["kept"] += 1
        elif found.shipped_hash != digest or found.is_retired:
            _set(uow, found, row.values)
            found.shipped_hash = digest
            counts["updated"] += 1
    for key, found in known.items():
        if key not in shipped and found.is_shipped and not found.is_edited and not found.is_retired:
            found.retired_at = uow.now
            counts["retired"] += 1
    _finish(uow, kind, bool(counts["added"] or counts["updated"]))
    return {name: counts[name] for name in ("added", "updated", "kept", "retired")}


def take_in(uow: UnitOfWork, kind: Kind, rows: Iterable[Row]) -> Counts:
    """Add and change what the shop's sheet says: {"added", "updated", "unchanged"}.

    Rows the sheet leaves out stay as they are. Raises Invalid (`broken-sheet`) naming the lines of
    rows that do not fit the rest of the catalogue.
    """
    counts: Counter[str] = Counter()
    rows = list(rows)
    _check(uow, kind, rows)
    known = _known(uow, kind)
    for row in rows:
        found = known.get(kind.key_of(row.values))
        if found is None:
            _add(uow, kind, row.values, shipped_hash=None)
            counts["added"] += 1
        elif any(getattr(found, name) != value for name, value in row.values.items()):
            _set(uow, found, row.values)
            found.is_edited = True
            counts["updated"] += 1
        else:
            counts["unchanged"] += 1
    _finish(uow, kind, bool(counts["added"] or counts["updated"]))
    return {name: counts[name] for name in ("added", "updated", "unchanged")}


def learn_words(uow: UnitOfWork, models: Iterable[DeviceModel]) -> None:
    """Let searches be corrected to the words of these models."""
    found = {word for model in models for word in words.vocabulary(model.brand, model.name)}
    if found:
        rows = [{"word": word} for word in sorted(found)]
        uow.session.execute(insert(Word).values(rows).on_conflict_do_nothing())


def _known(uow: UnitOfWork, kind: Kind) -> dict[tuple, Sourced]:
    return {kind.key_of(row): row for row in uow.session.scalars(select(kind.table))}


def _add(
    uow: UnitOfWork, kind: Kind, values: Mapping[str, Any], *, shipped_hash: str | None
) -> None:
    row = kind.table(shipped_hash=shipped_hash, is_edited=False)
    _set(uow, row, values)
    uow.session.add(row)


def _set(uow: UnitOfWork, row: Sourced, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name != "is_retired":
            setattr(row, name, value)
    if row.is_retired != values["is_retired"]:
        row.retired_at = uow.now if values["is_retired"] else None
    if isinstance(row, DeviceModel):
        row.index()


def _finish(uow: UnitOfWork, kind: Kind, has_changed: bool) -> None:
    uow.session.flush()
    if has_changed and kind is MODELS:
        learn_words(uow, uow.session.scalars(select(DeviceModel)))


def _check(uow: UnitOfWork, kind: Kind, rows: list[Row]) -> None:
    """What a row can not know by itself: its category, its neighbours' names."""
    categories = set(uow.session.scalars(select(Category.slug)))
    types = {
        (category, slug)
        for category, slug in uow.session.execute(select(RepairType.category, RepairType.slug))
    }
    models = set(uow.session.scalars(select(DeviceModel.slug)))
    faults = {}
    for row in rows:
        wrong = []
        values = row.values
        if kind is CATEGORIES:
            if values["slug"] in models:
                wrong.append("slug: a model is called so")
            if values["year_from"] > values["year_to"]:
                wrong.append("year_to: before year_from")
        elif values["category"] not in categories:
            wrong.append(f"category: there is no {values['category']!r}")
        if kind is MODELS:
            if values["slug"] in categories:
                wrong.append("slug: a category is called so")
            wrong += [
                f"prices: {values['category']} has no repair type {name!r}"
                for name in values["prices"]
                if (values["category"], name) not in types
            ]
        if wrong:
            faults[f"line {row.line}"] = wrong
    sheets.refuse(dict(list(faults.items())[: sheets.MOST_FAULTS_TOLD]))


def _hash(values: Mapping[str, Any]) -> str:
    words = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(words.encode()).hexdigest()
