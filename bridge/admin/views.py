"""The admin pages. Every command is the one that the API and the CLI call."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from bridge import languages
from bridge.admin import words
from bridge.api.base import close_cursor, open_cursor
from bridge.auth import COOKIE, allow, principal, public, refuse_foreign_form
from bridge.context import here
from bridge.limits import SIGN_IN, limiter
from bridge.pages.answers import spoken
from crm.core import deadletters, inbox, ops, outbox
from crm.core.deadletters import Filter
from crm.core.errors import Invalid
from crm.staff import sessions

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

ROWS_A_PAGE = 25
_STATES = {"inbox": inbox.STATES, "outbox": outbox.STATES}
_FILTERS = ("state", "source", "type", "reason")
_MOST_SIGNS = 200


@blueprint.context_processor
def _speech() -> dict[str, object]:
    return {"words": words, "spoken": lambda at: spoken(at, here().shop.timezone)}


@blueprint.after_request
def _mark(response: Response) -> Response:
    return languages.mark(response)


@blueprint.get("/sign-in/<string(maxlength=100):token>")
@public
def sign_in_page(token: str) -> tuple[str, int]:
    """Only a button: a mail program that previews the link must not use it up."""
    with here().units() as uow:
        is_good = sessions.link_is_good(uow, token)
    return render_template("admin/sign_in.html", is_good=is_good), 200 if is_good else 410


@blueprint.post("/sign-in/<string(maxlength=100):token>")
@limiter.limit(SIGN_IN)
@public
def sign_in(token: str) -> Response:
    refuse_foreign_form()
    with here().units() as uow:
        session = sessions.sign_in(uow, token)
    response = redirect(url_for("admin.overview"), 303)
    COOKIE.start(response, session)
    return response


@blueprint.post("/sign-out")
@allow("session.end")
def sign_out() -> Response:
    token = COOKIE.token()
    if token:
        with here().units() as uow:
            sessions.sign_out(uow, token)
    response = redirect(url_for("admin.signed_out"), 303)
    COOKIE.end(response)
    return response


@blueprint.get("/signed-out")
@public
def signed_out() -> str:
    return render_template("admin/signed_out.html")


@blueprint.get("")
@allow("repairs.read")
def overview() -> str | Response:
    """Where everybody lands. Who has no business with the machine begins with the repairs."""
    if not principal().may("ops.read"):
        return redirect(url_for("admin.repairs"))
    with here().units() as uow:
        snapshot = ops.snapshot(uow)
    return render_template("admin/overview.html", now=snapshot, me=principal())


@blueprint.get("/<any(inbox,outbox):table>")
@allow("ops.read")
def rows(table: Any) -> str:
    chosen = {name: request.args.get(name, "").strip()[:_MOST_SIGNS] for name in _FILTERS}
    if any("\0" in value for value in chosen.values()):
        raise Invalid("a filter contains characters that no row has")
    chosen["state"] = chosen["state"] if chosen["state"] in _STATES[table] else ""
    if not request.args:
        chosen["state"] = "dead"
    cursor = request.args.get("cursor")
    with here().units() as uow:
        page = deadletters.listed(
            uow,
            table,
            Filter(**{name: value or None for name, value in chosen.items()}),
            limit=ROWS_A_PAGE,
            after=open_cursor(cursor) if cursor else None,
        )
    return render_template(
        "admin/rows.html",
        table=table,
        rows=page.items,
        next_cursor=close_cursor(page.next) if page.next else None,
        chosen=chosen,
        states=_STATES[table],
        me=principal(),
    )


@blueprint.get("/<any(inbox,outbox):table>/<int:row_id>")
@allow("ops.read")
def row(table: Any, row_id: int) -> str:
    with here().units() as uow:
        found = deadletters.show(uow, table, row_id)
    body = json.dumps(deadletters.masked(found), indent=2, ensure_ascii=False)
    return render_template("admin/row.html", table=table, row=found, body=body, me=principal())


@blueprint.post("/<any(inbox,outbox):table>/<int:row_id>/replay")
@allow("ops.replay")
def replay(table: Any, row_id: int) -> Response:
    with here().units() as uow:
        deadletters.replay(uow, table, row_id, principal().actor)
    return redirect(url_for("admin.row", table=table, row_id=row_id), 303)


@blueprint.post("/<any(inbox,outbox):table>/<int:row_id>/discard")
@allow("ops.replay")
def discard(table: Any, row_id: int) -> Response:
    reason = request.form.get("reason", "").strip().replace("\0", "")[:_MOST_SIGNS]
    if not reason:
        raise Invalid("say why the row is discarded", code="no-reason")
    with here().units() as uow:
        deadletters.discard(uow, table, row_id, principal().actor, reason)
    return redirect(url_for("admin.row", table=table, row_id=row_id), 303)
