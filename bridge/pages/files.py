"""`/files/<token>`: a customer's phone uploads pictures by link or QR code. `/files/get/<token>`:
a stored file for whoever holds its link.

The link is the proof: it names one repair and ends after 72 hours (`crm/files/links.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import RequestEntityTooLarge

from bridge import languages, transfers
from bridge.context import here
from bridge.limits import UPLOADS, limiter
from crm.core import clock
from crm.core.errors import Invalid, NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.files import rules, service
from crm.files.links import Upload
from crm.files.service import Filing, Owner
from crm.repairs.models import Repair

blueprint = Blueprint("files_pages", __name__)

CUSTOMER = Actor("customer", "upload link")

WORDS: dict[str, LazyString] = {
    "no-files": _("Choose at least one picture."),
    "too-many-files": _("Choose at most 10 files at once."),
    "too-much": _("Together they are too large. Send fewer at once."),
    "full": _("There is no room for more. Write to us in the chat, please."),
    "empty": _("This file is empty."),
    "too-large": _("This file is larger than 10 MB."),
    "wrong-type": _("This is neither a picture (JPEG, PNG, WebP, HEIC) nor a PDF."),
    "not-plain-pdf": _("This PDF is incomplete, or more than a PDF."),
    "too-many-pixels": _("This picture has more than 40 million pixels."),
    "moving": _("This is a moving picture. Send a photo, please."),
    "unreadable": _("This file is damaged, or we cannot read it."),
}


@dataclass(frozen=True)
class Opened:
    """The repair an upload link opens, without anything personal."""

    id: int
    ref: str
    device: str


@blueprint.get("/files/<token>")
def upload_page(token: str) -> Response:
    try:
        return _page(_opened(token), received=_received())
    except NotFound as error:
        return _closed(error)


@blueprint.post("/files/<token>")
@limiter.limit(UPLOADS, key_func=lambda: _counted_as(request.view_args or {}))
@transfers.takes_files
def upload(token: str) -> Response:
    """All files or none; sent twice they are stored once."""
    try:
        repair = _opened(token)
    except NotFound as error:
        return _closed(error)
    try:
        with transfers.drafts(request.files.getlist("files")) as drafts, here().units() as uow:
            owner, filing = Owner(repair_id=repair.id), Filing("link", CUSTOMER)
            count = len(service.add(uow, transfers.store(), owner, drafts, filing))
    except transfers.NotTaken as error:
        return _page(repair, [(name, WORDS[code]) for name, code in error.refused], error.status)
    except Invalid as error:
        return _page(repair, [("", WORDS[error.code])], error.status)
    except RequestEntityTooLarge:
        return _page(repair, [("", WORDS["too-much"])], 413)
    here_again = url_for(".upload_page", token=token, received=count, lang=request.args.get("lang"))
    return redirect(here_again, 303)


@blueprint.get("/files/get/<token>")
def download(token: str) -> Response:
    try:
        link = transfers.links().read_download(token, clock.now())
        with here().units() as uow:
            file = service.by_key(uow, link.key)
    except NotFound as error:
        return _closed(error)
    if link.is_public and not file.is_public:
        return _closed(NotFound(code="no-such-link"))
    return transfers.given(file, link.size)


def _opened(token: str) -> Opened:
    """Raises NotFound."""
    link = transfers.links().read_upload(token, clock.now())
    with here().units() as uow:
        return _repair(uow, link)


def _repair(uow: UnitOfWork, link: Upload) -> Opened:
    repair = uow.session.get(Repair, link.repair_id)
    if repair is None:
        raise NotFound(code="no-such-link")
    languages.speak_to(uow, repair.customer_id)
    return Opened(repair.id, repair.ref, repair.device)


def _counted_as(view_args: dict[str, str]) -> str:
    try:
        return f"upload:{transfers.links().read_upload(view_args['token'], clock.now()).id}"
    except NotFound:
        return get_remote_address()


def _received() -> int:
    """How many files the form just stored, as its redirect says."""
    told = request.args.get("received", "")
    return int(told) if told.isdecimal() and len(told) <= 2 else 0


def _page(
    repair: Opened,
    problems: list[tuple[str, LazyString]] | None = None,
    status: int = 200,
    *,
    received: int = 0,
) -> Response:
    page = render_template(
        "pages/upload.html",
        lang=languages.chosen(),
        languages=languages.offered(),
        repair=repair,
        problems=problems or [],
        received=received,
        most_files=rules.MOST_FILES,
    )
    return _private(page, status)


def _closed(error: NotFound) -> Response:
    """Forged, expired and taken back: what the visitor can do about it is the same."""
    page = render_template(
        "pages/no_file.html",
        lang=languages.chosen(),
        languages=languages.offered(),
        has_expired=error.code == "link-expired",
    )
    return _private(page, 404)


def _private(page: str, status: int) -> Response:
    response = make_response(page, status)
    response.headers["Content-Language"] = languages.chosen()
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    response.vary.add("Accept-Language")
    return response
