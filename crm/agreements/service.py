"""Commands on agreements: ask for a signature, take it, and let none stand for a second collection.

What follows from them (history, notes, messages) is in `crm/signing.py`; links are `crm/core/shop`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text, update

from crm.agreements import rules, terms
from crm.agreements.events import AgreementSigned, CollectionProven, SignatureRequested
from crm.agreements.models import Agreement, CollectionProof, Purpose, Terms
from crm.core.errors import Conflict, NotFound
from crm.core.events import Actor
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork

LINK_LIFE = timedelta(hours=72)
# A form sent twice by a second click is one wish.
SEND_AGAIN_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Signature:
    """What the signing page sent. locale, digest: of the text that was shown.

    drawing: see `rules.strokes`. ip_address, user_agent: of the phone that signed.
    """

    name: str
    locale: str
    digest: str
    drawing: str = field(default="", repr=False)
    ip_address: str = field(default="", repr=False)
    user_agent: str = field(default="", repr=False)


def request(
    uow: UnitOfWork, repair_id: int, purpose: Purpose, actor: Actor, *, send: bool
) -> Agreement:
    """The agreement to sign; asked for twice it is the same one.

    send: also tell the customer by message, unless that was done within the last minute. Raises
    Conflict (`already-signed`).
    """
    _lock_repair(uow, repair_id)
    agreement = uow.session.scalar(
        select(Agreement).where(
            Agreement.repair_id == repair_id,
            Agreement.purpose == purpose,
            Agreement.voided_at.is_(None),
        )
    )
    if agreement is None:
        agreement = Agreement(
            repair_id=repair_id, purpose=purpose, requested_by=actor.name, created_at=uow.now
        )
        uow.session.add(agreement)
        uow.session.flush()
    if agreement.signed_at is not None:
        raise Conflict("this was signed already", code="already-signed")
    is_fresh = agreement.sent_at and uow.now - agreement.sent_at < SEND_AGAIN_AFTER
    if send and not is_fresh:
        agreement.sent_at = uow.now
        uow.record(SignatureRequested(repair_id, actor, agreement.id, purpose))
    return agreement


def by_id(uow: UnitOfWork, agreement_id: int) -> Agreement:
    """Raises NotFound, also for one that was voided."""
    agreement = uow.session.get(Agreement, agreement_id, populate_existing=True)
    if agreement is None or agreement.voided_at is not None:
        raise NotFound("no such agreement")
    return agreement


def signed_terms(uow: UnitOfWork, agreement: Agreement) -> Terms | None:
    return uow.session.get(Terms, agreement.terms_id) if agreement.terms_id else None


def sign(uow: UnitOfWork, agreement_id: int, signature: Signature) -> Agreement:
    """Take a signature, once: a second one changes nothing.

    Raises NotFound, Invalid (`no-name`, `name-too-long`, `bad-drawing`), Conflict
    (`terms-changed`: another text is in force than the one that was shown).
    """
    name = rules.signer_name(signature.name)
    strokes = rules.strokes(signature.drawing)
    repair_id = by_id(uow, agreement_id).repair_id
    _lock_repair(uow, repair_id)
    # Read anew: it may have been signed or voided while this one waited for the lock.
    agreement = by_id(uow, agreement_id)
    if agreement.signed_at is not None:
        return agreement
    purpose = Purpose(agreement.purpose)
    shown = terms.stored(uow, purpose, signature.locale)
    if shown.digest != signature.digest:
        raise Conflict("the text has changed; read it again", code="terms-changed")
    agreement.terms_id, agreement.signed_at = shown.id, uow.now
    agreement.signer_name = name
    agreement.ip_address = signature.ip_address
    agreement.user_agent = rules.user_agent(signature.user_agent)
    if strokes is not None:
        agreement.strokes = strokes
    uow.session.flush()
    actor = Actor("customer", name)
    uow.record(AgreementSigned(repair_id, actor, agreement.id, purpose))
    return agreement


def prove_collection(
    uow: UnitOfWork, repair_id: int, actor: Actor, *, reason: str | None = None
) -> CollectionProof:
    """Keep that the code was right, or, with a reason, that a person vouches for who collects."""
    _lock_repair(uow, repair_id)
    proof = CollectionProof(
        repair_id=repair_id,
        kind="code" if reason is None else "seen",
        reason=reason,
        actor_name=actor.name,
        created_at=uow.now,
    )
    uow.session.add(proof)
    uow.session.flush()
    uow.record(CollectionProven(repair_id, actor, proof.id))
    return proof


def void_collection(uow: UnitOfWork, repair_id: int) -> None:
    """The device is with us again: who collects it next is proven anew."""
    uow.session.execute(
        update(Agreement)
        .where(Agreement.repair_id == repair_id, Agreement.purpose == Purpose.COLLECTION)
        .where(Agreement.voided_at.is_(None))
        .values(voided_at=uow.now)
    )
    uow.session.execute(
        update(CollectionProof)
        .where(CollectionProof.repair_id == repair_id, CollectionProof.voided_at.is_(None))
        .values(voided_at=uow.now)
    )


def listed(
    uow: UnitOfWork, repair_id: int, *, limit: int, after: Sequence[Any] | None = None
) -> Page:
    """Oldest first, voided ones too."""
    query = select(Agreement).where(Agreement.repair_id == repair_id)
    return page(uow.session, query, [Agreement.id], limit=limit, after=after, oldest_first=True)


def _lock_repair(uow: UnitOfWork, repair_id: int) -> None:
    """The aggregate is the repair, which is a higher tier's."""
    query = text("SELECT id FROM repairs WHERE id = :id FOR UPDATE")
    if uow.session.execute(query, {"id": repair_id}).first() is None:
        raise NotFound("no such repair")
