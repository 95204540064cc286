"""Files of repairs and tickets: upload, list, release to the tracking page, download, remove."""

from __future__ import annotations

import hashlib
import json
import secrets
from functools import partial
from typing import Any

from flask import Response
from flask_smorest.fields import Upload
from marshmallow import Schema, ValidationError, fields, validates_schema

from bridge import transfers
from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import Flag, Moment, Strict, Text, Whole, one_of
from bridge.auth import allow, need, principal
from bridge.context import here
from crm.core.errors import Invalid, NotFound
from crm.core.uow import UnitOfWork
from crm.files import links, queries, rules, service
from crm.files.models import File as FileRow
from crm.files.service import Filing, Owner
from crm.repairs import queries as repairs
from crm.repairs.models import Repair
from crm.staff.roles import SHOP
from crm.tickets import service as tickets
from crm.tickets.models import Ticket

blp = Blueprint("files", __name__, url_prefix="/api/v1", description="Files")

REF = "<string(maxlength=40):ref>"
KEY = "<string(maxlength=40):file_key>"


class Thumbnails(Schema):
    medium = fields.String()
    small = fields.String()


class File(Schema):
    """repair or ticket: the reference of its owner. url, thumbnails: good until links_expire_at."""

    id = fields.String(attribute="key")
    repair = fields.String(allow_none=True)
    ticket = fields.String(allow_none=True)
    name = fields.String()
    content_type = fields.String()
    size_bytes = fields.Integer()
    width = fields.Integer(allow_none=True)
    height = fields.Integer(allow_none=True)
    stage = fields.String(allow_none=True)
    pair = fields.Integer(allow_none=True)
    is_public = fields.Boolean()
    source = fields.String()
    url = fields.String()
    thumbnails = fields.Nested(Thumbnails, allow_none=True)
    links_expire_at = Moment()
    created_at = Moment()


class Uploads(Strict):
    """At most 10 files of 10 MB: JPEG, PNG, WebP, HEIC or PDF, told by their content."""

    files = fields.List(Upload(), required=True)


class How(Strict):
    """is_public: shown on the tracking page. stage, pair: a picture before or after the work."""

    is_public = fields.Boolean(load_default=False)
    stage = one_of(*rules.Stage, load_default=None)
    pair = Whole(1, rules.MOST_PAIRS, load_default=None)


class OfWhom(Schema):
    repair = Text(40)
    ticket = Text(40)

    @validates_schema
    def one_owner(self, data: dict[str, Any], **kwargs: Any) -> None:
        if ("repair" in data) == ("ticket" in data):
            raise ValidationError("Name a repair or a ticket.", "repair")


class HowAndWhose(OfWhom, How):
    pass


class FileQuery(OfWhom, ListQuery):
    pass


class FileChange(Strict):
    is_public = Flag()
    stage = one_of(*rules.Stage)
    pair = Whole(1, rules.MOST_PAIRS)


class ContentQuery(Strict):
    size = one_of(*rules.Size, load_default=rules.Size.FULL)


class UploadLink(Schema):
    """qr_code: an SVG picture as `data:` address."""

    url = fields.String()
    qr_code = fields.String()
    expires_at = Moment()


@blp.route("/files", methods=["GET"])
@allow("repairs.read")
@blp.arguments(FileQuery, location="query")
@blp.response(200, list_of(File))
def list_files(query):
    """List the files of a repair or a ticket, oldest first"""
    with here().units() as uow:
        return _page(uow, query, _owner(uow, query))


@blp.route("/files", methods=["POST"])
@allow("repairs.update")
@transfers.takes_files
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Uploads, location="files")
@blp.arguments(HowAndWhose, location="form")
@blp.response(201, list_of(File))
def upload_files(uploads, how):
    """Upload files to a repair or a ticket; all or none"""
    return _upload(uploads, how, lambda uow: _owner(uow, how))


@blp.route(f"/repairs/{REF}/files", methods=["GET"])
@allow("repairs.read")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(File))
def list_repair_files(query, ref):
    """List a repair's files, oldest first"""
    with here().units() as uow:
        return _page(uow, query, _owner(uow, {"repair": ref}))


@blp.route(f"/repairs/{REF}/files", methods=["POST"])
@allow("repairs.update")
@transfers.takes_files
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Uploads, location="files")
@blp.arguments(How, location="form")
@blp.response(201, list_of(File))
def upload_repair_files(uploads, how, ref):
    """Upload files to a repair; all or none"""
    return _upload(uploads, how, lambda uow: _owner(uow, {"repair": ref}))


@blp.route(f"/repairs/{REF}/upload-links", methods=["POST"])
@allow("repairs.update")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.response(201, UploadLink)
def make_upload_link(ref):
    """Make a link, and a QR code, by which a phone uploads pictures to a repair"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        repair = repairs.by_ref(uow, ref, owner_key=_shop())
        url = transfers.links().upload(repair.id, secrets.token_hex(8), uow.now)
        return {"url": url, "qr_code": links.qr_code(url), "expires_at": uow.now + links.LIFE}

    return create(UploadLink, work)


@blp.route(f"/files/{KEY}", methods=["GET"])
@allow("repairs.read")
@blp.response(200, File)
def show_file(file_key):
    """Show a file"""
    with here().units() as uow:
        return _shown(uow, _file(uow, file_key))


@blp.route(f"/files/{KEY}", methods=["PATCH"])
@allow("repairs.update")
@blp.arguments(FileChange)
@blp.response(200, File)
def change_file(body, file_key):
    """Release a file to the tracking page, or put it into a before/after pair"""
    if not body or ("pair" in body and "stage" not in body):
        raise Invalid("nothing to change, or a pair without its stage")
    with here().units() as uow:
        file = _file(uow, file_key, to_change=True)
        if "stage" in body:
            service.set_pair(uow, file, rules.Stage(body["stage"]), body.get("pair"))
        if "is_public" in body:
            service.release(uow, file, body["is_public"], principal().actor)
        uow.session.flush()
        return _shown(uow, file)


@blp.route(f"/files/{KEY}", methods=["DELETE"])
@allow("repairs.update")
@blp.response(204)
def remove_file(file_key):
    """Remove a file"""
    with here().units() as uow:
        service.remove(uow, _file(uow, file_key, to_change=True), principal().actor)
    transfers.store().drop(file_key)


@blp.route(f"/files/{KEY}/content", methods=["GET"])
@allow("repairs.read")
@blp.arguments(ContentQuery, location="query")
@blp.response(200, {"type": "string", "format": "binary"}, content_type="application/octet-stream")
def download_file(query, file_key):
    """Download a file; `size` is for pictures"""
    with here().units() as uow:
        file = _file(uow, file_key)
    return transfers.given(file, rules.Size(query["size"]))


def _upload(uploads: dict[str, Any], how: dict[str, Any], owner_of: Any) -> Response:
    with here().units() as uow:
        owner_of(uow)  # before a picture is worked on for nothing
    with transfers.drafts(uploads["files"]) as drafts:
        filing = Filing(
            "api",
            principal().actor,
            is_public=how["is_public"],
            stage=rules.Stage(how["stage"]) if how["stage"] else None,
            pair=how["pair"],
        )

        def work(uow: UnitOfWork) -> dict[str, Any]:
            files = service.add(uow, transfers.store(), owner_of(uow), drafts, filing)
            return {"data": [_shown(uow, one) for one in files], "meta": {"next_cursor": None}}

        sent = json.dumps([[draft.digest for draft in drafts], how], sort_keys=True)
        fingerprint = hashlib.sha256(sent.encode()).hexdigest()
        return create(list_of(File), work, fingerprint=fingerprint)


def _page(uow: UnitOfWork, query: dict[str, Any], owner: Owner) -> dict[str, Any]:
    return paged(query, partial(queries.listed, uow, owner), partial(_shown, uow))


def _owner(uow: UnitOfWork, named: dict[str, Any]) -> Owner:
    if "repair" in named:
        return Owner(repair_id=repairs.by_ref(uow, named["repair"], owner_key=_shop()).id)
    need("tickets.read")
    return Owner(ticket_id=tickets.by_ref(uow, named["ticket"]).id)


def _file(uow: UnitOfWork, key: str, *, to_change: bool = False) -> FileRow:
    """A file the caller may know of; a shop system only knows those of its own repairs."""
    file = service.to_change(uow, key) if to_change else service.by_key(uow, key)
    if shop := _shop():
        repair = uow.session.get(Repair, file.repair_id) if file.repair_id else None
        if repair is None or repair.owner_key != shop:
            raise NotFound("no such file")
    return file


def _shop() -> str | None:
    caller = principal()
    return caller.id if caller.role == SHOP else None


def _shown(uow: UnitOfWork, file: FileRow) -> dict[str, Any]:
    """A file as `File` dumps it."""
    columns = ("key", "name", "content_type", "size_bytes", "width", "height", "stage", "pair",
               "is_public", "source", "created_at")  # fmt: skip
    make = transfers.links().download
    thumbnails = {size: make(file.key, rules.Size(size), uow.now) for size in ("medium", "small")}
    return {
        **{name: getattr(file, name) for name in columns},
        "repair": uow.session.get_one(Repair, file.repair_id).ref if file.repair_id else None,
        "ticket": uow.session.get_one(Ticket, file.ticket_id).ref if file.ticket_id else None,
        "url": make(file.key, rules.Size.FULL, uow.now),
        "thumbnails": thumbnails if file.is_picture else None,
        "links_expire_at": uow.now + links.LIFE,
    }
