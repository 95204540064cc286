"""Whom or what a list is narrowed to: the references in its query, as the reads take them."""

from __future__ import annotations

from typing import Any

from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.repairs import queries as repairs


def whose(uow: UnitOfWork, query: dict[str, Any]) -> dict[str, int | None]:
    """`repair_id` and `customer_id`, None where the query names none. Raises NotFound."""
    return {
        "repair_id": repairs.by_ref(uow, query["repair"]).id if "repair" in query else None,
        "customer_id": customers.by_ref(uow, query["customer"]).id if "customer" in query else None,
    }
