"""Pure: what customers write in a chat and no bank needs to read: card numbers and device codes."""

from __future__ import annotations

import re

from crm.intake.rules import luhn_sum
from crm.passcodes import rules as passcodes

MASK = passcodes.MASK
_CARD = re.compile(r"(?<!\w)[0-9](?:[ -]?[0-9]){12,18}(?!\w)")
_CHECK_CODE = re.compile(
    r"\b((?:cvc|cvv|csc)2?|security code|c[oó]digo de segurança)([\s:=-]{1,3}(?:(?:is|é)\s)?)[0-9]{3,4}\b",
    re.IGNORECASE,
)


def hide(text: str) -> str:
    """The same text; of a card the last four digits stay, so that it can be told which it was."""
    text = _CARD.sub(_card, text)
    text = _CHECK_CODE.sub(rf"\1\2{MASK}", text)
    return passcodes.hide(text).text


def _card(found: re.Match[str]) -> str:
    digits = found[0].replace(" ", "").replace("-", "")
    return found[0] if luhn_sum(digits) % 10 else f"{MASK} {digits[-4:]}"
