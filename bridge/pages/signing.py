"""`/sign/<token>`: a customer reads a text on the own phone and signs it; `/r/<token>`: a label's code.

The link is the proof of who may sign, and, since nobody else knows it, of where the form comes
from; it ends after 72 hours. Opened again it shows what was signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_limiter.util import get_remote_address
from werkzeug.wrappers import Response as Redirect

from bridge import languages
from bridge.auth import principal, refuse_foreign_form
from bridge.context import here
from bridge.limits import SIGNING, limiter
from crm.agreements import rules, service, terms
from crm.agreements.models import Agreement, Purpose
from crm.agreements.service import Signature
from crm.core import clock
from crm.core.errors import Conflict, Invalid, NotFound, Unauthenticated
from crm.core.uow import UnitOfWork
from crm.notifications.texts import LOCALES
from crm.repairs.models import Repair

blueprint = Blueprint("signing", __name__)

HEADINGS: dict[str, LazyString] = {
    Purpose.DROP_OFF: _("Our terms for your repair"),
    Purpose.COLLECTION: _("Receipt for your device"),
}
WORDS: dict[str, LazyString] = {
    "no-name": _("Type your name."),
    "name-too-long": _("Your name has more than 120 letters. Shorten it, please."),
    "no-consent": _("Tick the box if you agree."),
    "bad-drawing": _("We could not read the drawing. Draw again, or leave it out."),
    "terms-changed": _("The text has changed since you opened it. Please read it again."),
}


@dataclass(frozen=True)
class Sheet:
    """What the page shows. signed_at, signer_name, paths: of a signature that was given."""

    purpose: str
    device: str
    ref: str
    text: str
    locale: str
    version: int
    digest: str
    signed_at: datetime | None
    signer_name: str | None
    paths: tuple[str, ...]


@blueprint.get("/sign/<token>")
def sign_page(token: str) -> Response:
    sheet = _opened(token)
    return _closed() if sheet is None else _page(sheet)


@blueprint.post("/sign/<token>")
@limiter.limit(SIGNING, key_func=lambda: _counted_as(request.view_args or {}))
def sign(token: str) -> Response | Redirect:
    """Sent twice it is signed once."""
    refuse_foreign_form()
    agreement_id = here().shop.links.read_sign(token, clock.now())
    if agreement_id is None:
        return _closed()
    form = request.form
    locale = form.get("locale", "")
    signature = Signature(
        name=form.get("name", ""),
        locale=locale if locale in LOCALES else languages.chosen(),
        digest=form.get("digest", ""),
        drawing=form.get("drawing", ""),
        ip_address=request.remote_addr or "",
        user_agent=request.headers.get("User-Agent", ""),
    )
    try:
        if form.get("consent") != "yes":
            rules.signer_name(signature.name)
            return _again(token, "no-consent", 422)
        with here().units() as uow:
            service.sign(uow, agreement_id, signature)
    except NotFound:
        return _closed()
    except (Invalid, Conflict) as error:
        return _again(token, error.code, error.status)
    return redirect(url_for(".sign_page", token=token, lang=request.args.get("lang")), 303)


@blueprint.get("/r/<token>")
def job(token: str) -> Response | Redirect:
    """A label's code: the job for staff who are signed in, the tracking page for everybody else."""
    links = here().shop.links
    repair_id = links.read_job(token)
    with here().units() as uow:
        repair = uow.session.get(Repair, repair_id) if repair_id is not None else None
    if repair is None:
        return _closed()
    if _is_staff():
        return redirect(url_for("admin.repair", ref=repair.ref))
    return redirect(links.track(repair.id, repair.received_at))


def _is_staff() -> bool:
    try:
        return principal().kind == "staff"
    except Unauthenticated:
        return False


def _opened(token: str) -> Sheet | None:
    """None for a link that is forged, damaged, expired or no longer asks for anything."""
    agreement_id = here().shop.links.read_sign(token, clock.now())
    if agreement_id is None:
        return None
    with here().units() as uow:
        try:
            return _sheet(uow, service.by_id(uow, agreement_id))
        except NotFound:
            return None


def _sheet(uow: UnitOfWork, agreement: Agreement) -> Sheet:
    repair = uow.session.get_one(Repair, agreement.repair_id)
    languages.speak_to(uow, repair.customer_id)
    shown = service.signed_terms(uow, agreement) or terms.in_force(
        uow, Purpose(agreement.purpose), languages.chosen()
    )
    return Sheet(
        purpose=agreement.purpose,
        device=repair.device,
        ref=repair.ref,
        text=shown.text,
        locale=shown.locale,
        version=shown.version,
        digest=shown.digest,
        signed_at=agreement.signed_at,
        signer_name=agreement.signer_name,
        paths=tuple(_path(line) for line in agreement.strokes or ()),
    )


def _path(line: rules.Stroke) -> str:
    """A line of a drawing as SVG's `d`: numbers and nothing else."""
    return "M" + "L".join(f"{int(x)} {int(y)}" for x, y in line)


def _counted_as(view_args: dict[str, str]) -> str:
    agreement_id = here().shop.links.read_sign(view_args["token"], clock.now())
    return get_remote_address() if agreement_id is None else f"sign:{agreement_id}"


def _again(token: str, code: str, status: int) -> Response:
    """The form with what is wrong and what was typed."""
    sheet = _opened(token)
    return _closed() if sheet is None else _page(sheet, WORDS[code], status)


def _page(sheet: Sheet, problem: LazyString | None = None, status: int = 200) -> Response:
    return _answer(
        "pages/sign.html",
        status,
        sheet=sheet,
        heading=HEADINGS[sheet.purpose],
        problem=problem,
        typed=request.form,
        width=rules.SHEET_WIDTH,
        height=rules.SHEET_HEIGHT,
        longest_name=rules.LONGEST_NAME,
    )


def _closed() -> Response:
    return _answer("pages/no_signing.html", 404)


def _answer(template: str, status: int, **values: object) -> Response:
    lang = languages.chosen()
    page = render_template(template, lang=lang, languages=languages.offered(), **values)
    response = make_response(page, status)
    response.headers["Content-Language"] = lang
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    response.vary.add("Accept-Language")
    return response
