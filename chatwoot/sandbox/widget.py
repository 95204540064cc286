"""The website widget: Chatwoot's script for any page, and the chat that it opens in a frame.

The script keeps to the part of the SDK's contract that pages use: `chatwootSDK.run`, `$chatwoot`
with `toggle`, `setUser`, `setLocale` and `reset`, and the events `chatwoot:ready`, `:opened`,
`:closed` and `:error`. A visitor is known by a random token that the frame keeps.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, send_from_directory

from .api.base import answer
from .errors import ApiError
from .rules import visitors
from .rules.contacts import find_or_create_session, update_contact
from .rules.messages import update_message
from .site import Site, current_site
from .store import Row

blueprint = Blueprint("widget", __name__, template_folder="templates")
STATIC = Path(__file__).parent / "static"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'"
MOST_SIGNS = 10_000
VISITOR = "Website visitor"


@blueprint.get("/packs/js/sdk.js")
def sdk() -> Response:
    response = send_from_directory(STATIC, "sdk.js")
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


@blueprint.get("/widget")
def frame() -> Response:
    """Framed by the shop's pages; shows nothing without a known website token."""
    _inbox(current_site())
    response = make_response(render_template("widget.html"))
    response.headers["Content-Security-Policy"] = POLICY
    return response


@blueprint.post("/api/v1/widget/messages")
def write() -> Response:
    site, body = current_site(), _body()
    with site.store.transaction():
        inbox = _inbox(site)
        content = str(body.get("content") or "").strip()
        if not 0 < len(content) <= MOST_SIGNS:
            raise ApiError(422, {"message": "Content can't be blank"})
        session = _session(site, inbox, str(body.get("visitor") or ""))
        if session is None:
            contact, session = visitors.arrive(site, {"name": VISITOR, "inbox_id": inbox["id"]})
        else:
            contact = site.find("contact", session["contact_id"])
        visitors.write(site, contact, content)
        return answer({"visitor": session["source_id"]})


@blueprint.get("/api/v1/widget/messages")
def thread() -> Response:
    site = current_site()
    with site.store.transaction():
        session = _session(site, _inbox(site), request.args.get("visitor", ""))
        contact = site.find("contact", session["contact_id"]) if session else None
        messages = visitors.thread(site, contact) if contact else []
        plain = ("id", "content", "message_type", "content_type")
        return answer({"messages": [{key: m[key] for key in plain} | _menu(m) for m in messages]})


@blueprint.patch("/api/v1/widget/messages/<int:message_id>")
def choose(message_id: int) -> Response:
    """The visitor pressed a button of a message in their own thread."""
    site, body = current_site(), _body()
    with site.store.transaction():
        session = _session(site, _inbox(site), str(body.get("visitor") or ""))
        contact = site.find("contact", session["contact_id"]) if session else None
        thread = visitors.thread(site, contact) if contact else []
        message = next((one for one in thread if one["id"] == message_id), None)
        told = body.get("message")
        values = told.get("submitted_values") if isinstance(told, dict) else None
        if message is None or message["content_type"] != "input_select":
            raise ApiError(404, {"error": "Resource could not be found"})
        if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
            raise ApiError(422, {"error": "submitted_values is a list of objects"})
        kept = [{key: one.get(key) for key in ("title", "value")} for one in values]
        attributes = message["content_attributes"] | {"submitted_values": kept}
        update_message(site, message, content_attributes=attributes)
        return answer({"submitted_values": kept})


@blueprint.patch("/api/v1/widget/contact/set_user")
def set_user() -> Response:
    """A proven visitor is the contact of that identifier, on whatever device."""
    site, body = current_site(), _body()
    with site.store.transaction():
        inbox = _inbox(site)
        identifier = str(body.get("identifier") or "")
        key = str(inbox["hmac_token"]).encode()
        want = hmac.new(key, identifier.encode(), hashlib.sha256).hexdigest()
        given = str(body.get("identifier_hash") or "")
        if not identifier or not hmac.compare_digest(want.encode(), given.encode()):
            raise ApiError(401, {"error": "HMAC failed: Invalid Identifier Hash Provided"})
        known = (one for one in site.store.all("contact") if one["identifier"] == identifier)
        contact = next(known, None)
        session = _session(site, inbox, str(body.get("visitor") or ""))
        if contact is None:
            # As upstream: the anonymous contact of the visit becomes the identified one.
            if session is None:
                contact, session = visitors.arrive(site, {"name": VISITOR, "inbox_id": inbox["id"]})
            else:
                contact = site.find("contact", session["contact_id"])
            name = str(body.get("name") or "")[:255]
            update_contact(site, contact, {"name": name, "identifier": identifier})
        elif session is None or session["contact_id"] != contact["id"]:
            session = find_or_create_session(site, contact, inbox, None)
        session["hmac_verified"] = True
        site.store.save("session", session)
        return answer({"visitor": session["source_id"]})


def _menu(message: Row) -> Row:
    """Its buttons, until one was pressed."""
    attributes = message["content_attributes"]
    if message["content_type"] != "input_select" or attributes.get("submitted_values"):
        return {"items": []}
    return {"items": attributes.get("items") or []}


def _inbox(site: Site) -> Row:
    """The inbox of the website token. Raises ApiError 404."""
    token = request.args.get("website_token", "")
    for inbox in site.store.all("inbox"):
        if inbox["channel"] == "web_widget" and inbox["website_token"] == token:
            return inbox
    raise ApiError(404, {"error": "web widget does not exist"})


def _session(site: Site, inbox: Row, visitor: str) -> Row | None:
    """The visitor's thread; its source id is a secret between the frame and Chatwoot."""
    for one in site.store.all("session"):
        if one["inbox_id"] == inbox["id"] and one["source_id"] == visitor:
            return one
    return None


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ApiError(400, {"error": "Send a JSON object"})
    return body
