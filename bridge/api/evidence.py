"""Evidence packs: a ZIP for a bank, of one repair; each is audited with the hash of its index."""

from __future__ import annotations

from flask import Response, send_file

from bridge import transfers
from bridge.api.base import Blueprint
from bridge.auth import allow, principal
from bridge.context import here
from crm.core import audit
from crm.core.errors import NotFound
from crm.disputes import queries as disputes
from crm.evidence import packing
from crm.payments.models import Payment
from crm.repairs import queries as repairs

blp = Blueprint("evidence", __name__, url_prefix="/api/v1", description="Evidence packs")

REF = "<string(maxlength=40):ref>"
ZIP = "application/zip"
BYTES = {"schema": {"type": "string", "format": "binary"}, "content_type": ZIP}


@blp.route(f"/repairs/{REF}/evidence.zip", methods=["GET"])
@allow("evidence.read")
@blp.response(200, **BYTES)
def download_repair_evidence(ref):
    """Everything that shows what was agreed and done, with a hashed index; audited"""
    with here().units() as uow:
        repair = repairs.by_ref(uow, ref)
    return _given(repair.id, repair.ref)


@blp.route(f"/disputes/{REF}/evidence.zip", methods=["GET"])
@allow("evidence.read")
@blp.response(200, **BYTES)
def download_dispute_evidence(ref):
    """The pack of the repair a disputed payment was for; audited"""
    with here().units() as uow:
        dispute = disputes.by_ref(uow, ref)
        repair_id = uow.session.get_one(Payment, dispute.payment_id).repair_id
    if repair_id is None:
        raise NotFound("this payment was for no repair", code="no-repair")
    return _given(repair_id, dispute.ref)


def _given(repair_id: int, target: str) -> Response:
    """No unit is open while it is packed: files may come from elsewhere."""
    context, actor = here(), principal().actor
    pack = packing.pack(context.units, transfers.store(), context.shop, repair_id, actor)
    with context.units() as uow:
        told = {"index_sha256": pack.digest, "files": pack.count}
        audit.write(uow, actor, "evidence.read", target, told)
    response = send_file(pack.file, mimetype=ZIP, as_attachment=True, download_name=pack.name)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
