"""Commands on the catalogue: seeding, CSV in and out, and edits by the shop; edits are audited."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select

from crm.catalog import loading, queries, rules_data, sheets
from crm.catalog.kinds import KINDS, Kind
from crm.catalog.loading import Counts
from crm.catalog.models import DeviceModel, RepairType, RuleSet, Sourced
from crm.catalog.sheets import Row
from crm.core import audit
from crm.core.errors import Invalid
from crm.core.events import Actor
from crm.core.uow import UnitOfWork

DATA = Path(__file__).parent / "data"
SHIPPED_CURRENCY = "GBP"


def shipped(kind: Kind) -> list[Row]:
    """The rows the product ships: one file, or a directory of files, one a family."""
    home = DATA / kind.name
    files = sorted(home.glob("*.csv")) if home.is_dir() else [home.with_suffix(".csv")]
    return [row for file in files for row in sheets.read(file.read_bytes(), kind.columns, kind.key)]


def seed(uow: UnitOfWork) -> dict[str, Counts]:
    """Load or update what the product ships: kind -> counts, see `loading.ship`."""
    counts = {name: loading.ship(uow, kind, shipped(kind)) for name, kind in KINDS.items()}
    counts["estimate-rules"] = {"added": int(_seed_rules(uow))}
    return counts


def _seed_rules(uow: UnitOfWork) -> bool:
    """A new version when the shipped rules are new, unless the shop has written its own."""
    told = yaml.safe_load((DATA / "estimate_rules.yaml").read_text())
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    newest = uow.session.scalar(select(RuleSet).order_by(RuleSet.version.desc()).limit(1))
    if newest is not None and newest.shipped_hash in (None, digest):
        return False
    rules_data.parse(told)
    uow.session.add(RuleSet(rules=told, shipped_hash=digest, created_at=uow.now))
    uow.session.flush()
    return True


def write_rules(uow: UnitOfWork, actor: Actor, told: dict[str, Any]) -> RuleSet:
    """The shop's own rules, as the next version. Raises Invalid."""
    rules_data.parse(told)
    made = RuleSet(rules=told, created_at=uow.now)
    uow.session.add(made)
    uow.session.flush()
    audit.write(uow, actor, "estimate-rules.write", f"estimate-rules/{made.version}")
    return made


def export(uow: UnitOfWork, kind: Kind) -> str:
    """The whole sheet, retired rows too, as CSV that `take_in` reads back without a change."""
    keys = [getattr(kind.table, name) for name in kind.key]
    return sheets.write(uow.session.scalars(select(kind.table).order_by(*keys)), kind.columns)


def take_in(uow: UnitOfWork, actor: Actor, kind: Kind, data: bytes) -> Counts:
    """Add and change rows by a CSV file. Raises Invalid (`broken-sheet`) naming lines."""
    counts = loading.take_in(uow, kind, sheets.read(data, kind.columns, kind.key))
    audit.write(uow, actor, "catalog.import", f"catalog/{kind.name}", counts)
    return counts


def edit_model(uow: UnitOfWork, actor: Actor, slug: str, changes: dict[str, Any]) -> DeviceModel:
    """changes: attributes of the model. Raises NotFound, Invalid (`prices` of no such repair)."""
    model = queries.model(uow, slug, for_update=True)
    if "prices" in changes:
        known = {one.slug for one in queries.repair_types(uow, model.category)}
        wrong = sorted(set(changes["prices"]) - known)
        if wrong:
            told = [f"{model.category} has no repair type {name!r}" for name in wrong]
            raise Invalid("unknown repair types", errors={"prices": told})
    _edit(uow, actor, model, f"catalog/models/{slug}", changes)
    model.index()
    loading.learn_words(uow, [model])
    return model


def edit_repair_type(
    uow: UnitOfWork, actor: Actor, category: str, slug: str, changes: dict[str, Any]
) -> RepairType:
    """Raises NotFound."""
    found = queries.repair_type(uow, category, slug, for_update=True)
    _edit(uow, actor, found, f"catalog/repair-types/{category}/{slug}", changes)
    return found


def _edit(
    uow: UnitOfWork, actor: Actor, row: Sourced, target: str, changes: dict[str, Any]
) -> None:
    before = {name: getattr(row, name) for name in changes}
    if before == changes:
        return
    for name, value in changes.items():
        setattr(row, name, value)
    row.is_edited = True
    audit.write(uow, actor, "catalog.edit", target, {"before": before, "after": changes})
    uow.session.flush()
