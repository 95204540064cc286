"""The eight repair statuses and the flags beside them: the one list everything else reads.

Labels, schemas, pages, provisioning and documentation take names from here (interface.md,
"Statuses on the wire").
"""

from __future__ import annotations

from enum import StrEnum


class RepairStatus(StrEnum):
    RECEIVED = "received"
    DIAGNOSING = "diagnosing"
    WAITING_PARTS = "waiting_parts"
    REPAIRING = "repairing"
    TESTING = "testing"
    COMPLETED = "completed"
    READY_PICKUP = "ready_pickup"
    DELIVERED = "delivered"

    @property
    def rank(self) -> int:
        """Place on the way through the shop, from 0."""
        return list(RepairStatus).index(self)


class RepairFlag(StrEnum):
    AWAITING_APPROVAL = "awaiting_approval"
    ON_HOLD = "on_hold"
    CANCELLED = "cancelled"
    UNREPAIRABLE = "unrepairable"
    IN_STORAGE = "in_storage"


# The work is not going to be done.
GIVEN_UP = frozenset({RepairFlag.CANCELLED, RepairFlag.UNREPAIRABLE})
