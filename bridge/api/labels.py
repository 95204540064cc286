"""Labels as PDF for devices and shelves, and where a device lies.

A label tells strangers nothing about its owner: no name, no number, no passcode. Its code opens the
tracking page, so only those may print it who may see that link.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, make_response

from bridge.api.base import Blueprint
from bridge.api.fields import Strict, Text, Whole, one_of
from bridge.api.repairs import Repair as RepairSchema
from bridge.api.repairs import shown
from bridge.auth import allow, principal
from bridge.context import here
from crm.bookings import queries as bookings
from crm.core.errors import Conflict
from crm.core.uow import UnitOfWork
from crm.labels.label import PLACES_A_SHEET, Label, Size
from crm.repairs import places
from crm.repairs import queries as repairs
from crm.repairs.models import Repair
from crm.repairs.service import Address

blp = Blueprint("labels", __name__, url_prefix="/api/v1", description="Labels and places")

REF = "<string(maxlength=40):ref>"
PDF = {"schema": {"type": "string", "format": "binary"}, "content_type": "application/pdf"}


class LabelQuery(Strict):
    """size: `62x29` mm for label printers, or `a4`: sheets of 24. first: their first free place."""

    size = one_of(*Size, load_default=Size.LABEL)
    first = Whole(1, PLACES_A_SHEET, load_default=1)


class PlaceLabelQuery(LabelQuery):
    name = Text(places.LONGEST_PLACE, required=True)


class NewPlace(Strict):
    place = Text(places.LONGEST_PLACE, required=True)


@blp.route(f"/repairs/{REF}/label.pdf", methods=["GET"])
@allow("repairs.update")
@blp.arguments(LabelQuery, location="query")
@blp.response(200, **PDF)
def show_repair_label(query, ref):
    """The label of a device; its QR code opens the job for staff and the tracking page for others"""
    with here().units() as uow:
        labels = [_label(repairs.by_ref(uow, ref, owner_key=principal().owner_key))]
    return _pdf(labels, query, labels[0].heading)


@blp.route(f"/bookings/{REF}/label.pdf", methods=["GET"])
@allow("bookings.check_in")
@blp.arguments(LabelQuery, location="query")
@blp.response(200, **PDF)
def show_booking_labels(query, ref):
    """The labels of all devices of a booking that was checked in"""
    with here().units() as uow:
        booking = bookings.by_ref(uow, ref)
        labels = _labels_of(uow, booking.id)
        title = booking.ref
    if not labels:
        raise Conflict("labels are made at check-in, with the repairs", code="not-checked-in")
    return _pdf(labels, query, title)


@blp.route("/places/label.pdf", methods=["GET"])
@allow("places.write")
@blp.arguments(PlaceLabelQuery, location="query")
@blp.response(200, **PDF)
def show_place_label(query):
    """The label of a shelf or bench; its QR code is the name, as a scanner types it"""
    name = places.name(query["name"])
    return _pdf([Label(name, name, foot=here().shop.name)], query, name)


@blp.route(f"/repairs/{REF}/place", methods=["POST"])
@allow("places.write")
@blp.arguments(NewPlace)
@blp.response(200, RepairSchema)
def put_repair(body, ref):
    """Note where a device lies"""
    with here().units() as uow:
        return shown(uow, places.put(uow, Address(ref=ref), body["place"], principal().actor))


def _labels_of(uow: UnitOfWork, booking_id: int) -> list[Label]:
    ids = [device.repair_id for device in bookings.devices(uow, booking_id) if device.repair_id]
    return [_label(uow.session.get_one(Repair, repair_id)) for repair_id in ids]


def _label(repair: Repair) -> Label:
    shop = here().shop
    received_on = repair.received_at.astimezone(shop.timezone).date()
    return Label(
        code=shop.links.job(repair.id),
        heading=repair.ref,
        lines=tuple(line for line in (repair.device, repair.problem) if line.strip()),
        foot=f"{received_on.isoformat()} · {shop.name}",
    )


def _pdf(labels: Sequence[Label], query: dict, title: str) -> Response:
    from crm.labels.sheets import render  # noqa: PLC0415 - its library is large, and few ask for a PDF

    content = render(labels, Size(query["size"]), title, first=query["first"])
    response = make_response(content)
    response.mimetype = "application/pdf"
    response.headers["Content-Disposition"] = "inline; filename=label.pdf"
    response.headers["Cache-Control"] = "no-store"
    return response
