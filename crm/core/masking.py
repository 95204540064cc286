"""Hides what must not be read over a shoulder or out of a log: phones, addresses, tokens, words.

Used by the logs (every string) and by the dead letters (whole bodies).
"""

from __future__ import annotations

import re
from typing import Any

_MAIL = re.compile(r"([\w.+%-])[\w.+%-]*@([\w-]+(?:\.[\w-]+)+)")
# International or national with a leading zero, or a bare run as long as a phone number.
_PHONE = re.compile(
    r"(?<![\w.:/-])(?:\+\d|\(?0\d)[\d ().\-/]{5,18}(\d{2})(?!\w)"
    r"|(?<![\w.:/+-])\d{8,13}(\d{2})(?![\w.-])"
)
_TOKEN = re.compile(r"\b(mnd_|whsec_|sk_live_|sk_test_)[\w+/=-]{8,}")
_SECRET_NAMES = re.compile(r"token|secret|password|passcode|authorization|api_?key|hmac", re.I)
_WORD_NAMES = {
    "body",
    "content",
    "message",
    "note",
    "internal_note",
    "text",
    "processed_message_content",
}
_SHOWN_SIGNS = 40
_DEEPEST = 20


def mask_text(words: str) -> str:
    """The same text with phone numbers, mail addresses and our tokens made unreadable."""
    if "@" in words:
        words = _MAIL.sub(r"\1***@\2", words)
    if "_" in words:
        words = _TOKEN.sub(r"\1***", words)
    return _PHONE.sub(lambda found: "***" + (found[1] or found[2]), words)


def mask_body(value: Any, name: str = "", depth: int = 0) -> Any:
    """A JSON value for staff eyes: secrets gone, contacts masked, message words shortened."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {key: mask_body(inner, str(key), depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [mask_body(inner, name, depth + 1) for inner in value]
    if value is not None and _SECRET_NAMES.search(name):
        return "***"
    if isinstance(value, str):
        masked = mask_text(value)
        if name in _WORD_NAMES and len(masked) > _SHOWN_SIGNS:
            return masked[:_SHOWN_SIGNS] + "…"
        return masked
    return value
