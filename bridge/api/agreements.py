"""Agreements: ask for a signature, see what was signed, prove who collects; and the texts themselves."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError, fields, validates_schema

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import Flag, Moment, Strict, Text, one_of
from bridge.auth import allow, principal
from bridge.context import here
from bridge.limits import COLLECTION_CODES, limiter
from crm.agreements import service, terms
from crm.agreements.models import Agreement as AgreementRow
from crm.agreements.models import Purpose
from crm.core import refs
from crm.core.errors import Conflict, Invalid
from crm.core.uow import UnitOfWork
from crm.files.links import qr_code
from crm.notifications.texts import LOCALES
from crm.repairs import queries as repairs
from crm.repairs.models import REF_PREFIX, Repair
from crm.repairs.statuses import RepairStatus

blp = Blueprint("agreements", __name__, url_prefix="/api/v1", description="Agreements")

REF = "<string(maxlength=40):ref>"


def _counted_as() -> str:
    """However the reference is spelled, it is one repair's codes that are tried."""
    typed = (request.view_args or {})["ref"]
    return refs.read(REF_PREFIX, typed) or typed


# Shared with the page of the job.
counts_codes = limiter.shared_limit(COLLECTION_CODES, scope="collection", key_func=_counted_as)


class SignatureRequest(Strict):
    """send: also write the link to the customer, in their thread."""

    purpose = one_of(*Purpose, required=True)
    send = Flag(load_default=False)


class Agreement(Schema):
    """Unsigned while `signed_at` is null. terms_digest: SHA-256 of the words that were signed.

    drawing: lines of [x, y] on a sheet of 600 × 200. voided_at: the device came back afterwards.
    ip_address, user_agent: for those who may ask for signatures.
    """

    id = fields.Integer()
    purpose = fields.String()
    requested_by = fields.String()
    created_at = Moment()
    sent_at = Moment(allow_none=True)
    signed_at = Moment(allow_none=True)
    signer_name = fields.String(allow_none=True)
    locale = fields.String(allow_none=True)
    terms_version = fields.Integer(allow_none=True)
    terms_digest = fields.String(allow_none=True)
    terms_text = fields.String(allow_none=True)
    drawing = fields.List(fields.List(fields.List(fields.Integer())), allow_none=True)
    ip_address = fields.String(allow_none=True)
    user_agent = fields.String(allow_none=True)
    voided_at = Moment(allow_none=True)


class SigningLink(Schema):
    """qr_code: an SVG picture as `data:` address, for the customer's phone at the desk."""

    agreement = fields.Nested(Agreement)
    url = fields.String()
    qr_code = fields.String()
    expires_at = Moment()


class CollectionCheck(Strict):
    """code: what the customer was told with the news that the device is ready.

    seen: why somebody vouches for who collects without it. A signature is given on its own page.
    """

    code = Text(20)
    seen = Text(500)

    @validates_schema
    def one_way(self, data: dict[str, Any], **kwargs: Any) -> None:
        if len(data) != 1:
            raise ValidationError("Give `code` or `seen`.", "code")
        if not data.get("seen", "-").strip():
            raise ValidationError("Say why.", "seen")


class CollectionProof(Schema):
    """kind: `code` or `seen`."""

    id = fields.Integer()
    kind = fields.String()
    reason = fields.String(allow_none=True)
    actor_name = fields.String()
    created_at = Moment()


class TermsQuery(ListQuery):
    purpose = one_of(*Purpose)
    locale = one_of(*LOCALES)


class WhichTerms(Strict):
    purpose = one_of(*Purpose, required=True)
    locale = one_of(*LOCALES, required=True)


class NewTerms(Strict):
    """text: plain, a blank line between paragraphs; a line above others of one is its heading."""

    purpose = one_of(*Purpose, required=True)
    locale = one_of(*LOCALES, required=True)
    text = Text(terms.LONGEST_TEXT, required=True)


class Terms(Schema):
    """is_own: written by the shop; the others came with a release. id: once it was signed."""

    id = fields.Integer(allow_none=True)
    purpose = fields.String()
    locale = fields.String()
    version = fields.Integer()
    text = fields.String()
    digest = fields.String()
    is_own = fields.Boolean()
    actor_name = fields.String()
    created_at = Moment()


@blp.route(f"/repairs/{REF}/agreements", methods=["GET"])
@allow("agreements.read")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Agreement))
def list_agreements(query, ref):
    """What was asked to be signed and what was signed, oldest first"""
    with here().units() as uow:
        repair = repairs.by_ref(uow, ref)
        return paged(query, partial(service.listed, uow, repair.id), partial(_shown, uow))


@blp.route(f"/repairs/{REF}/agreements", methods=["POST"])
@allow("agreements.request")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(SignatureRequest)
@blp.response(201, SigningLink)
def request_signature(body, ref):
    """Ask for a signature: a link and a QR code that work for 72 hours"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        repair = repairs.by_ref(uow, ref)
        agreement = service.request(
            uow, repair.id, Purpose(body["purpose"]), principal().actor, send=body["send"]
        )
        expires_at = uow.now + service.LINK_LIFE
        url = here().shop.links.sign(agreement.id, expires_at)
        return {
            "agreement": _shown(uow, agreement),
            "url": url,
            "qr_code": qr_code(url),
            "expires_at": expires_at,
        }

    return create(SigningLink, work)


@blp.route(f"/repairs/{REF}/collection", methods=["POST"])
@allow("repairs.hand_over")
@counts_codes
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(CollectionCheck)
@blp.response(201, CollectionProof)
def prove_collection(body, ref):
    """Prove who collects, by the collection code or a reason"""
    return create(CollectionProof, lambda uow: prove(uow, repairs.by_ref(uow, ref), **body))


@blp.route("/terms", methods=["GET"])
@allow("agreements.read")
@blp.arguments(TermsQuery, location="query")
@blp.response(200, list_of(Terms))
def list_terms(query):
    """Kept versions of the texts, newest first"""
    with here().units() as uow:
        read = partial(
            terms.listed, uow, purpose=query.get("purpose"), locale=query.get("locale")
        )  # fmt: skip
        return paged(query, read)


@blp.route("/terms/in-force", methods=["GET"])
@allow("agreements.read")
@blp.arguments(WhichTerms, location="query")
@blp.response(200, Terms)
def show_terms_in_force(query):
    """The text that is signed today"""
    with here().units() as uow:
        return terms.in_force(uow, Purpose(query["purpose"]), query["locale"])


@blp.route("/terms", methods=["POST"])
@allow("terms.publish")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(NewTerms)
@blp.response(201, Terms)
def publish_terms(body):
    """Publish the shop's own text; it is signed from now on"""

    def work(uow: UnitOfWork) -> Any:
        purpose, actor = Purpose(body["purpose"]), principal().actor
        return terms.publish(uow, purpose, body["locale"], body["text"], actor)

    return create(Terms, work)


def prove(uow: UnitOfWork, repair: Repair, *, code: str | None = None, seen: str | None = None):
    """Check a code, or take a reason. Raises Invalid (`wrong-code`), Conflict (`no-code-yet`)."""
    if code is not None:
        if repair.status != RepairStatus.READY_PICKUP:
            raise Conflict(
                "there is a code only while the device is ready for pick-up", code="no-code-yet"
            )
        given = "".join(code.split())
        if not here().shop.links.is_collection_code(repair.id, repair.status_at, given):
            raise Invalid("wrong code", errors={"code": ["Wrong code."]}, code="wrong-code")
    return service.prove_collection(uow, repair.id, principal().actor, reason=seen)


def _shown(uow: UnitOfWork, agreement: AgreementRow) -> dict[str, Any]:
    """An agreement as `Agreement` dumps it."""
    columns = ("id", "purpose", "requested_by", "created_at", "sent_at", "signed_at",
               "signer_name", "voided_at")  # fmt: skip
    signed = service.signed_terms(uow, agreement)
    is_open = principal().may("agreements.request")
    return {
        **{name: getattr(agreement, name) for name in columns},
        "ip_address": agreement.ip_address if is_open else None,
        "user_agent": agreement.user_agent if is_open else None,
        "drawing": agreement.strokes,
        "locale": signed.locale if signed else None,
        "terms_version": signed.version if signed else None,
        "terms_digest": signed.digest if signed else None,
        "terms_text": signed.text if signed else None,
    }
