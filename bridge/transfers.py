"""Files over HTTP: uploads become drafts, stored files are given out so that nothing in them runs.

Who may is decided by the views; what is taken in by `crm/files`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from flask import Response, request, send_file
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import UnsupportedMediaType

from bridge.context import here
from bridge.integrations.files.place import file_store
from crm.core.errors import Invalid
from crm.files import receiving, rules
from crm.files.links import FileLinks
from crm.files.models import File
from crm.files.receiving import Draft
from crm.files.store import Store

# Every file at its largest, and what is written around them.
MOST_REQUEST_BYTES = rules.MOST_FILES * rules.MOST_BYTES + rules.MEGABYTE
_CACHE_SECONDS = 600
_POLICY = "default-src 'none'; sandbox"


class NotTaken(Invalid):
    """refused: (name as sent, code of `receiving.REFUSALS`) of every file that does not fit."""

    def __init__(self, refused: list[tuple[str, receiving.Unfit]]):
        first = refused[0][1]
        sentences = [f"{name}: {error.detail}" for name, error in refused]
        super().__init__("nothing was stored", errors={"files": sentences}, code=first.code)
        self.status = first.status
        self.refused = [(name, error.code) for name, error in refused]


def store() -> Store:
    return file_store(here().settings)


def links() -> FileLinks:
    settings = here().settings
    return FileLinks(settings.public_url, (settings.secret_key, *settings.secret_key_fallbacks))


def takes_files(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let this view's body be as large as its files may be. Raises UnsupportedMediaType."""

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if request.method == "POST":
            if request.mimetype != "multipart/form-data":
                raise UnsupportedMediaType("send multipart/form-data")
            request.max_content_length = MOST_REQUEST_BYTES
        return view(*args, **kwargs)

    return wrapped


@contextmanager
def drafts(uploads: Sequence[FileStorage]) -> Iterator[list[Draft]]:
    """One draft per upload; all are gone at the end that were not filed.

    Raises NotTaken (something does not fit), Invalid (`no-files`, `too-many-files`), TooMany.
    """
    # A form without a choice sends one part without a name.
    chosen = [one for one in uploads if one.filename]
    if not chosen:
        raise _wrong_number("no-files", "Send at least one file.")
    if len(chosen) > rules.MOST_FILES:
        raise _wrong_number("too-many-files", f"Send at most {rules.MOST_FILES} files at once.")
    with receiving.receiving(store()) as taken:
        made: list[Draft] = []
        refused: list[tuple[str, receiving.Unfit]] = []
        for upload in chosen:
            name = upload.filename or ""
            try:
                made.append(taken.take(upload.stream, name))
            except receiving.Unfit as error:
                refused.append((name[: rules.LONGEST_NAME], error))
        if refused:
            raise NotTaken(refused)
        yield made


def given(file: File, size: rules.Size) -> Response:
    """The bytes, as a download that no browser runs or sniffs (reliability.md, rule 37)."""
    if not file.is_picture:
        size = rules.Size.FULL
    response = send_file(
        store().source(file.key, receiving.file_name(file.content_type, size)),
        mimetype=file.content_type,
        as_attachment=True,
        download_name=file.name,
        conditional=False,
        etag=False,
    )
    response.cache_control.clear()
    response.cache_control.private = True
    response.cache_control.max_age = _CACHE_SECONDS
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _wrong_number(code: str, sentence: str) -> Invalid:
    return Invalid(sentence, errors={"files": [sentence]}, code=code)
