"""What agreements cause: the message with the link, lines in the repair's history, the code."""

from __future__ import annotations

from datetime import timedelta

from crm.agreements import gates
from crm.agreements import service as agreements
from crm.agreements.events import AgreementSigned, CollectionProven, SignatureRequested
from crm.agreements.models import Agreement, CollectionProof
from crm.core.shop import Shop
from crm.core.uow import Reactions, UnitOfWork
from crm.customers.models import Customer
from crm.notifications import service as notifications
from crm.notifications import texts
from crm.repairs import service as repairs
from crm.repairs.events import RepairCorrected
from crm.repairs.models import Repair
from crm.repairs.service import Address
from crm.repairs.statuses import RepairStatus


class Signing:
    def __init__(self, shop: Shop):
        self._shop = shop

    def table(self) -> Reactions:
        return {
            SignatureRequested: (self.send_link,),
            AgreementSigned: (self.note_signature,),
            CollectionProven: (self.note_proof,),
        }

    def send_link(self, uow: UnitOfWork, event: SignatureRequested) -> None:
        repair = uow.session.get_one(Repair, event.subject_id)
        customer = uow.session.get(Customer, repair.customer_id) if repair.customer_id else None
        locale = texts.closest(customer.locale if customer else None, self._shop.locale)
        expires_at = uow.now + agreements.LINK_LIFE
        values = {
            "shop": self._shop.name,
            "device": repair.device,
            "ref": repair.ref,
            "purpose": event.purpose,
            "link": self._shop.links.sign(event.agreement_id, expires_at),
            "hours": int(agreements.LINK_LIFE.total_seconds()) // 3600,
        }
        notifications.compose(
            uow,
            f"agreement:{event.agreement_id}:request:{uow.now.timestamp()}",
            "sign_request",
            texts.render(locale, "sign_request", "chat", values),
            locale=locale,
            customer_id=repair.customer_id,
            repair_id=repair.id,
            hold=timedelta(),
            actor=event.actor,
            deadline_at=expires_at,
            values=values,
        )

    def note_signature(self, uow: UnitOfWork, event: AgreementSigned) -> None:
        agreement = uow.session.get_one(Agreement, event.agreement_id)
        terms = agreements.signed_terms(uow, agreement)
        repair = uow.session.get_one(Repair, event.subject_id)
        details = {
            "agreement": agreement.id,
            "purpose": agreement.purpose,
            "version": terms.version,
            "locale": terms.locale,
            "digest": terms.digest,
        }
        address = Address(ref=repair.ref)
        repairs.note(uow, address, event.actor, outcome="signed", details=details)

    def note_proof(self, uow: UnitOfWork, event: CollectionProven) -> None:
        proof = uow.session.get_one(CollectionProof, event.proof_id)
        repair = uow.session.get_one(Repair, event.subject_id)
        repairs.note(
            uow,
            Address(ref=repair.ref),
            event.actor,
            outcome="collection_proof",
            internal_note=proof.reason,
            details={"kind": proof.kind},
        )

    def collect_anew(self, uow: UnitOfWork, event: RepairCorrected) -> None:
        """A proof stands for one collection: the device was not, or is no longer, handed over."""
        if RepairStatus(event.before).rank >= RepairStatus.READY_PICKUP.rank:
            agreements.void_collection(uow, event.subject_id)

    def collection_code(self, uow: UnitOfWork, repair: Repair) -> str | None:
        """The code to tell the customer with the news that the device is ready."""
        if repair.status != RepairStatus.READY_PICKUP or not gates.is_asked_for(uow, repair.id):
            return None
        return self._shop.links.collection_code(repair.id, repair.status_at)
