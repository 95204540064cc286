"""Sections of a pack about handing in and handing back: intake, checklists, signatures, collection."""

from __future__ import annotations

from functools import partial

from sqlalchemy import select

from crm.agreements import service as agreed
from crm.agreements.models import Agreement, CollectionProof, Purpose
from crm.core.uow import UnitOfWork
from crm.evidence.pages import Block, Drawing, Facts, Section, Table, Words
from crm.intake import queries
from crm.intake.models import Intake


def intake(uow: UnitOfWork, repair_id: int, when: partial) -> Section:
    found = uow.session.get(Intake, repair_id)
    blocks: tuple[Block, ...] = ()
    if found is not None:
        rows = [
            ("Opened", when(found.opened_at)),
            ("By", found.opened_by),
            ("Kind of device", found.device_class),
            ("IMEI", found.imei),
            ("Serial number", found.serial),
            ("Accessories", ", ".join(map(str, found.accessories))),
            ("Condition", found.condition),
            ("Remarks", found.condition_notes),
            ("Last changed", when(found.updated_at)),
        ]
        blocks = (Facts("As it was handed in", rows),)
    return Section("intake", "Intake record", blocks)


def checklists(uow: UnitOfWork, repair_id: int, when: partial) -> Section:
    items = queries.items(uow, repair_id)
    blocks: list[Block] = []
    for stage in queries.stages(uow, repair_id):
        rows = [
            (one.words.get("en") or next(iter(one.words.values()), one.slug), one.result, one.note,
             one.answered_by, when(one.answered_at))
            for one in items if one.stage == stage.stage
        ]  # fmt: skip
        head = ("Question", "Answer", "Note", "By", "When")
        blocks.append(Table(f"{stage.stage.capitalize()} the work", head, rows))
    return Section("checklists", "Checklists", tuple(blocks))


def agreements(uow: UnitOfWork, repair_id: int, when: partial) -> Section:
    blocks = _signed(uow, repair_id, Purpose.DROP_OFF, when)
    return Section("agreements", "Signed terms", blocks)


def collection(uow: UnitOfWork, repair_id: int, when: partial) -> Section:
    query = select(CollectionProof).where(CollectionProof.repair_id == repair_id)
    told = {"code": "the collection code was right", "seen": "a person vouched for who collected"}
    rows = [
        (when(one.created_at), told[one.kind], one.actor_name, when(one.voided_at))
        for one in uow.session.scalars(query.order_by(CollectionProof.id))
    ]
    blocks = list(_signed(uow, repair_id, Purpose.COLLECTION, when))
    if rows:
        blocks.append(Table("Other proofs", ("When", "How", "By", "Came back"), rows))
    return Section("collection", "Proof of collection", tuple(blocks))


def _signed(uow: UnitOfWork, repair_id: int, purpose: Purpose, when: partial) -> tuple[Block, ...]:
    query = select(Agreement).where(
        Agreement.repair_id == repair_id,
        Agreement.purpose == purpose,
        Agreement.signed_at.is_not(None),
    )
    blocks: list[Block] = []
    for one in uow.session.scalars(query.order_by(Agreement.id)):
        terms = agreed.signed_terms(uow, one)
        rows = [
            ("Signed by", one.signer_name),
            ("When", when(one.signed_at)),
            ("Address on the internet", one.ip_address),
            ("Browser", one.user_agent),
            ("Version of the text", terms and f"{terms.version} ({terms.locale})"),
            ("SHA-256 of the text", terms and terms.digest),
            ("The device came back", when(one.voided_at)),
        ]
        blocks.append(Facts(f"Signature {one.id}", rows))
        if one.strokes:
            blocks.append(Drawing("As it was drawn", one.strokes))
        if terms is not None:
            blocks.append(Words("The text that was signed", terms.text))
    return tuple(blocks)
