"""Files sent with messages: kept in the store and served at their public, unguessable address."""

from __future__ import annotations

import base64
from typing import Any

from flask import Blueprint, Response
from werkzeug.utils import secure_filename

from .site import Site, current_site, new_secret

blueprint = Blueprint("files", __name__)
KINDS = ("image", "audio", "video")


def keep_file(site: Site, filename: str, content_type: str, body: bytes) -> dict[str, Any]:
    """Store the bytes; returns the attachment as a message row keeps it."""
    key = new_secret(32)
    kind = content_type.split("/")[0]
    row = site.store.insert(
        "file",
        {"key": key, "content_type": content_type, "base64": base64.b64encode(body).decode()},
    )
    return {
        "id": row["id"],
        "key": key,
        "filename": secure_filename(filename) or "file",
        "content_type": content_type,
        "file_type": kind if kind in KINDS else "file",
        "size": len(body),
    }


@blueprint.get("/rails/active_storage/blobs/redirect/<key>/<filename>")
def download(key: str, filename: str) -> Response:
    """Needs no login, as upstream; always a download, because anyone may have sent it."""
    site = current_site()
    with site.store.transaction():
        row = next((row for row in site.store.all("file") if row["key"] == key), None)
    if row is None:
        return Response(status=404)
    headers = {
        "Content-Disposition": f'attachment; filename="{secure_filename(filename)}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(base64.b64decode(row["base64"]), mimetype=row["content_type"], headers=headers)
