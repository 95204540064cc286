"""What the scenarios have in common: a short afternoon, and the count at its end."""

from __future__ import annotations

import uuid
from typing import Any

from tests.faults import counting
from tests.faults.harness import Service

STATUSES = (("diagnosing", 2), ("repairing", 3), ("ready_pickup", 4))


def afternoon(service: Service, name: str) -> dict[str, Any]:
    """A customer writes, the shop takes a phone in and reports three stages."""
    contact, number = service.writes(name, "My screen is broken")
    external_id = f"JOB-{uuid.uuid4().hex[:8]}"
    service.post_event("repair.created", {
        "external_id": external_id, "device": "Phone", "problem": "screen",
        "conversation_id": number, "version": 1,
    })  # fmt: skip
    for status, version in STATUSES:
        news = {"external_id": external_id, "status": status, "version": version}
        service.post_event("repair.status_changed", news)
    return {"contact": contact, "number": number, "external_id": external_id}


def settle_and_count(service: Service, *, conversations: int) -> None:
    """Nothing lost, nothing doubled, nothing different, once all is at rest."""
    counting.delivered(service)
    service.reconcile()  # news whose parent was lost on the way waits for it
    counting.rest(service)
    service.reconcile()
    counting.rest(service)
    assert service.play("GET", "/state")["counts"]["conversations"] == conversations
    assert counting.violations(service) == []
