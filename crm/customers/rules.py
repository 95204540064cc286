"""Pure rules about the keys people are known by."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers

from crm.customers.models import EMAIL, PHONE

E164 = re.compile(r"\+[1-9]\d{6,14}")
INVENTED_NAME = re.compile(r"[a-z]+-[a-z]+-\d{1,4}")
_BRAZIL_MOBILE = re.compile(r"\+55(\d{2})9?([6-9]\d{7})")
_MEXICO_MOBILE = re.compile(r"\+521?(\d{10})")
_ARGENTINA_MOBILE = re.compile(r"\+549?(\d{10})")


@dataclass(frozen=True)
class Key:
    """One key presented by somebody. proven: the sender of the news vouches for it.

    What a visitor typed is never proven (chatwoot/webhooks.md 9); a channel that delivered from the
    number, an identity hash or the shop's own staff is.
    """

    kind: str
    value: str
    proven: bool


def email_key(email: str, *, proven: bool) -> Key:
    return Key(EMAIL, email.strip().lower(), proven)


def phone_key(phone: str, *, proven: bool) -> Key:
    """A number in the one spelling under which its variants meet.

    The same mobile is written with and without a sign in Brazil (ninth digit), Mexico (1 after 52)
    and Argentina (9 after 54).
    """
    if match := _BRAZIL_MOBILE.fullmatch(phone):
        phone = f"+55{match[1]}9{match[2]}"
    elif match := _MEXICO_MOBILE.fullmatch(phone):
        phone = f"+52{match[1]}"
    elif match := _ARGENTINA_MOBILE.fullmatch(phone):
        phone = f"+54{match[1]}"
    return Key(PHONE, phone, proven)


def is_invented_name(name: str) -> bool:
    """A name such as `quiet-harbor-318`, which Chatwoot gives to visitors it knows nothing of."""
    return INVENTED_NAME.fullmatch(name) is not None


def is_e164(phone: str) -> bool:
    """A plus and 7 to 15 digits that some country's plan has room for."""
    if not E164.fullmatch(phone):
        return False
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return False
