"""The gate before a device is handed over. Who reports facts (shop systems) does not pass it."""

from __future__ import annotations

from sqlalchemy import exists, or_, select

from crm.agreements.models import Agreement, CollectionProof, Purpose
from crm.core.errors import Conflict
from crm.core.uow import UnitOfWork


def need_collection_proof(uow: UnitOfWork, repair_id: int) -> None:
    """Where the drop-off terms were signed or sent, collection needs a signature, the code or a
    reason. Repairs that were never asked to sign pass. Raises Conflict (`proof-of-collection-needed`).
    """
    if not is_asked_for(uow, repair_id) or is_proven(uow, repair_id):
        return
    raise Conflict(
        "who collects the device is not proven: ask for the collection code or a signature, "
        "or say why neither is needed",
        code="proof-of-collection-needed",
    )


def is_asked_for(uow: UnitOfWork, repair_id: int) -> bool:
    """Whether this repair's owner was given the drop-off terms."""
    given = select(Agreement.id).where(
        Agreement.repair_id == repair_id,
        Agreement.purpose == Purpose.DROP_OFF,
        or_(Agreement.signed_at.is_not(None), Agreement.sent_at.is_not(None)),
    )
    return bool(uow.session.scalar(select(given.exists())))


def is_proven(uow: UnitOfWork, repair_id: int) -> bool:
    signed = exists().where(
        Agreement.repair_id == repair_id,
        Agreement.purpose == Purpose.COLLECTION,
        Agreement.signed_at.is_not(None),
        Agreement.voided_at.is_(None),
    )
    proven = exists().where(
        CollectionProof.repair_id == repair_id, CollectionProof.voided_at.is_(None)
    )
    return bool(uow.session.scalar(select(or_(signed, proven))))
