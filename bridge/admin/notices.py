"""/admin/notices: what the person who is signed in should know of, unread ones first."""

from __future__ import annotations

from datetime import datetime

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from bridge import notices
from bridge.admin.views import blueprint
from bridge.api.base import close_cursor, open_cursor
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.errors import Invalid
from crm.notices import queries, service

ROWS_A_PAGE = 25
SHOWN = ("unread", "read")


@blueprint.app_context_processor
def _bell() -> dict[str, object]:
    """Every page's head asks for it when somebody is signed in."""
    return {"notice_count": notices.count}


@blueprint.get("/notices")
@allow("notices.read")
def notice_list() -> str:
    """Without a wish, the unread ones and under them the first of the others."""
    wish = request.args.get("show", "")
    cursor = request.args.get("cursor") if wish in SHOWN else None
    who = notices.reader()
    parts = []
    with here().units() as uow:
        for name in SHOWN:
            if wish in SHOWN and name != wish:
                continue
            page = queries.listed(
                uow,
                who,
                unread=name == "unread",
                limit=ROWS_A_PAGE,
                after=open_cursor(cursor) if cursor else None,
            )
            rows = notices.shown(uow, who, page.items)
            parts.append((name, rows, close_cursor(page.next) if page.next else None))
    return render_template(
        "admin/notices.html",
        parts=parts,
        wish=wish if wish in SHOWN else "",
        undo=_moment(request.args.get("undo", "")),
        me=principal(),
    )


@blueprint.post("/notices/<int:notice_id>/read")
@allow("notices.read")
def mark_read(notice_id: int) -> Response:
    with here().units() as uow:
        service.read(uow, notices.reader(), notice_id)
    return _back()


@blueprint.post("/notices/<int:notice_id>/unread")
@allow("notices.read")
def mark_unread(notice_id: int) -> Response:
    with here().units() as uow:
        service.unread(uow, notices.reader(), notice_id)
    return _back()


@blueprint.post("/notices/read-all")
@allow("notices.read")
def mark_all() -> Response:
    with here().units() as uow:
        count = service.read_all(uow, notices.reader())
        undo = uow.now.isoformat() if count else None
    return _back(undo=undo)


@blueprint.post("/notices/undo")
@allow("notices.read")
def undo_all() -> Response:
    """at: the moment at which all were marked."""
    moment = _moment(request.form.get("at", ""))
    if moment is None:
        raise Invalid("say which marking is to be undone")
    with here().units() as uow:
        service.unread_of(uow, notices.reader(), datetime.fromisoformat(moment))
    return _back()


def _back(**more: str | None) -> Response:
    wish = request.form.get("show", "")
    show = wish if wish in SHOWN else None
    return redirect(url_for("admin.notice_list", show=show, **more), 303)


def _moment(given: str) -> str | None:
    """As it was given, if it is a moment with a zone."""
    try:
        moment = datetime.fromisoformat(given[:40])
    except ValueError:
        return None
    return given[:40] if moment.tzinfo is not None else None
