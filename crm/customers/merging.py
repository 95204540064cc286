"""Merging two customers into one, with a journal that can undo it for 30 days (product.md, row 4)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, text, update

from crm.core import audit
from crm.core.db import Base
from crm.core.errors import Conflict, NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.customers import service
from crm.customers.events import CustomersMerged, CustomersParted
from crm.customers.models import Customer, CustomerKey, Merge, MergeSuggestion

UNDO_DAYS = 30
_FIELDS = ("name", "email", "phone", "locale")
_OWN_TABLES = {"customers", "customer_keys", "merge_suggestions", "merges"}


def merge(uow: UnitOfWork, kept_ref: str, merged_ref: str, actor: Actor) -> Merge:
    """Move everything of one customer to the other. The old reference keeps resolving.

    Raises NotFound, Conflict (`same-customer`, `merged-meanwhile`).
    """
    kept, merged = service.by_ref(uow, kept_ref), service.by_ref(uow, merged_ref)
    if kept.id == merged.id:
        raise Conflict("both references are the same customer", code="same-customer")
    if any(customer.merged_into_id for customer in _locked(uow, kept.id, merged.id)):
        raise Conflict("one of them was merged at the same moment", code="merged-meanwhile")
    journal = Merge(
        kept_id=kept.id,
        merged_id=merged.id,
        moved=_move(uow, merged.id, kept.id),
        kept_before={name: getattr(kept, name) for name in _FIELDS},
        actor_name=actor.name,
        at=uow.now,
    )
    uow.session.add(journal)
    for name in _FIELDS:
        if not getattr(kept, name):
            setattr(kept, name, getattr(merged, name))
    kept.updated_at = uow.now
    merged.merged_into_id = kept.id
    low, high = sorted((kept.id, merged.id))
    uow.session.execute(
        update(MergeSuggestion)
        .where(MergeSuggestion.customer_id == low, MergeSuggestion.other_id == high)
        .values(state="merged")
    )
    uow.session.flush()
    audit.write(uow, actor, "customer.merge", kept.ref, {"merged": merged.ref})
    uow.record(CustomersMerged(kept.id, actor, merged.id))
    return journal


def undo(uow: UnitOfWork, merge_id: int, actor: Actor) -> Merge:
    """Give back what a merge moved. Raises NotFound, Conflict (`too-late`, `undone`, `merged-on`)."""
    journal = uow.session.get(Merge, merge_id, with_for_update=True)
    if journal is None:
        raise NotFound("no such merge")
    if journal.undone_at is not None:
        raise Conflict("this merge was undone before", code="undone")
    if journal.at < uow.now - timedelta(days=UNDO_DAYS):
        raise Conflict(f"a merge can be undone for {UNDO_DAYS} days", code="too-late")
    _locked(uow, journal.kept_id, journal.merged_id)
    kept = uow.session.get_one(Customer, journal.kept_id)
    if kept.merged_into_id is not None:
        raise Conflict("undo the later merge first", code="merged-on")
    for table, ids in journal.moved.items():
        uow.session.execute(
            text(
                f"UPDATE {table} SET customer_id = :to WHERE id = ANY(:ids) AND customer_id = :kept"
            ),
            {"to": journal.merged_id, "ids": ids, "kept": kept.id},
        )
    merged = uow.session.get_one(Customer, journal.merged_id)
    merged.merged_into_id = None
    for name in _FIELDS:
        # A value staff changed since the merge stays.
        if getattr(kept, name) == getattr(merged, name) != journal.kept_before[name]:
            setattr(kept, name, journal.kept_before[name])
    journal.undone_at = uow.now
    audit.write(uow, actor, "customer.part", kept.ref, {"parted": merged.ref})
    uow.record(CustomersParted(kept.id, actor, merged.id))
    return journal


def _locked(uow: UnitOfWork, *ids: int) -> list[Customer]:
    """Locked in one order, so that two merges can not wait for each other, and read anew."""
    return list(
        uow.session.scalars(
            select(Customer)
            .where(Customer.id.in_(ids))
            .order_by(Customer.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def _move(uow: UnitOfWork, source: int, target: int) -> dict[str, list[int]]:
    """Point every row with a customer_id at the target. Which tables have one is asked of the schema."""
    moved = {}
    names = [table.name for table in Base.metadata.sorted_tables
             if "customer_id" in table.c and table.name not in _OWN_TABLES]  # fmt: skip
    for name in names:
        rows = uow.session.execute(
            text(
                f"UPDATE {name} SET customer_id = :target WHERE customer_id = :source RETURNING id"
            ),
            {"source": source, "target": target},
        )
        moved[name] = list(rows.scalars())
    keys = uow.session.scalars(select(CustomerKey).where(CustomerKey.customer_id == source)).all()
    held = {
        (key.kind, key.value)
        for key in uow.session.scalars(select(CustomerKey).where(CustomerKey.customer_id == target))
    }
    moved["customer_keys"] = [key.id for key in keys if (key.kind, key.value) not in held]
    uow.session.execute(
        update(CustomerKey)
        .where(CustomerKey.id.in_(moved["customer_keys"]))
        .values(customer_id=target)
    )
    return {name: ids for name, ids in moved.items() if ids}
