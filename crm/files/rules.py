"""What is taken in: types told by content, limits, harmless names (reliability.md, rule 37)."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

MEGABYTE = 1024 * 1024
MOST_BYTES = 10 * MEGABYTE
MOST_FILES = 10
MOST_OWNER_BYTES = 100 * MEGABYTE
LONGEST_NAME = 120
MOST_PAIRS = 50

PDF, JPEG = "application/pdf", "image/jpeg"
EXTENSIONS = {JPEG: "jpg", PDF: "pdf"}

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_PDF_EDGE = 1024
_MARKUP = (b"<html", b"<script", b"<svg", b"<!doctype", b"<?php")
# A ZIP archive is read from its end, so one may hide behind a PDF.
_ZIP_END, _ZIP_TAIL = b"PK\x05\x06", 66_000


class Stage(StrEnum):
    BEFORE = "before"
    AFTER = "after"


class Size(StrEnum):
    """FULL keeps every pixel; the longer side of the others is in `pictures.SIDES`."""

    FULL = "full"
    MEDIUM = "medium"
    SMALL = "small"


def type_of(head: bytes) -> str | None:
    """The content type told by the first bytes; None for everything we do not take."""
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "image/heic"
    if head.startswith(b"%PDF-"):
        return PDF
    return None


def is_plain_pdf(content: bytes) -> bool:
    """Whether a PDF is complete and nothing else at the same time: no page, no archive.

    Pictures need no such look: they are written anew, which leaves everything foreign behind.
    """
    start, end = content[:_PDF_EDGE].lower(), content[-_PDF_EDGE:]
    if b"%%EOF" not in end or any(mark in start for mark in _MARKUP):
        return False
    return _ZIP_END not in content[-_ZIP_TAIL:]


def harmless_name(given: str, content_type: str) -> str:
    """What people see and download as: no path, no control or direction signs, the right ending."""
    last = unicodedata.normalize("NFC", given).replace("\\", "/").rsplit("/", 1)[-1]
    signs = "".join(sign for sign in last if unicodedata.category(sign)[0] != "C")
    stem = signs.rsplit(".", 1)[0].strip(" .")[:LONGEST_NAME] or "file"
    return f"{stem}.{EXTENSIONS[content_type]}"
