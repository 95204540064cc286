"""/admin/repairs: find a device, and the one page of a job that its label's code opens.

At the desk: where it lies, a signature on the customer's phone, and proof of who collects.
"""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from bridge.admin import repair_messages
from bridge.admin.views import blueprint
from bridge.api.agreements import counts_codes, prove
from bridge.api.base import close_cursor, open_cursor
from bridge.api.bodies import tracking_link
from bridge.auth import allow, principal
from bridge.context import here
from crm.agreements import gates, service
from crm.agreements.models import Purpose
from crm.core.errors import Invalid
from crm.core.uow import UnitOfWork
from crm.files.links import qr_code
from crm.repairs import places, queries
from crm.repairs.models import Repair
from crm.repairs.service import Address
from crm.repairs.statuses import RepairStatus

REF = "<string(maxlength=40):ref>"
ROWS_A_PAGE = 25
MOST_SIGNS = 100
LONGEST_REASON = 500


@blueprint.get("/repairs")
@allow("repairs.read")
def repairs() -> str:
    """Where is it: by reference, device or place."""
    sought = _words(request.args.get("q", ""), MOST_SIGNS)
    cursor = request.args.get("cursor")
    with here().units() as uow:
        page = queries.listed(
            uow,
            words=sought or None,
            owner_key=principal().owner_key,
            limit=ROWS_A_PAGE,
            after=open_cursor(cursor) if cursor else None,
        )
    return render_template(
        "admin/repairs.html",
        rows=page.items,
        next_cursor=close_cursor(page.next) if page.next else None,
        sought=sought,
        me=principal(),
    )


@blueprint.get(f"/repairs/{REF}")
@allow("repairs.read")
def repair(ref: str) -> str:
    with here().units() as uow:
        return _page(uow, queries.by_ref(uow, ref, owner_key=principal().owner_key))


@blueprint.post(f"/repairs/{REF}/place")
@allow("places.write")
def put_repair(ref: str) -> Response:
    with here().units() as uow:
        place = _words(request.form.get("place", ""), 4 * places.LONGEST_PLACE)
        places.put(uow, Address(ref=ref), place, principal().actor)
    return redirect(url_for("admin.repair", ref=ref), 303)


@blueprint.post(f"/repairs/{REF}/agreements")
@allow("agreements.request")
def request_signature(ref: str) -> str:
    """The code to hold a phone against; with `send` the link goes to the customer's thread too."""
    wish = request.form.get("purpose", "")
    if wish not in list(Purpose):
        raise Invalid("choose what to sign", errors={"purpose": ["Not a text of ours."]})
    with here().units() as uow:
        row = queries.by_ref(uow, ref)
        agreement = service.request(
            uow, row.id, Purpose(wish), principal().actor, send=request.form.get("send") == "yes"
        )
        url = here().shop.links.sign(agreement.id, uow.now + service.LINK_LIFE)
        return _page(uow, row, link=url, code=qr_code(url))


@blueprint.post(f"/repairs/{REF}/collection")
@allow("repairs.hand_over")
@counts_codes
def prove_collection(ref: str) -> Response:
    code = _words(request.form.get("code", ""), 20)
    seen = _words(request.form.get("seen", ""), LONGEST_REASON)
    if bool(code) == bool(seen):
        raise Invalid("give the code, or say why none is needed", code="one-proof")
    with here().units() as uow:
        prove(uow, queries.by_ref(uow, ref), **({"code": code} if code else {"seen": seen}))
    return redirect(url_for("admin.repair", ref=ref), 303)


def _page(uow: UnitOfWork, row: Repair, **shown: Any) -> str:
    me = principal()
    return render_template(
        "admin/repair.html",
        repair=row,
        agreements=service.listed(uow, row.id, limit=20).items,
        is_collected=row.status == RepairStatus.DELIVERED,
        needs_proof=gates.is_asked_for(uow, row.id) and not gates.is_proven(uow, row.id),
        tracking=tracking_link(row),
        longest_place=places.LONGEST_PLACE,
        longest_reason=LONGEST_REASON,
        messages=repair_messages.part(uow, row) if me.may("notifications.read") else None,
        me=me,
        **shown,
    )


def _words(typed: str, at_most: int) -> str:
    return typed.replace("\0", "").strip()[:at_most]
