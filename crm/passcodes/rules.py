"""Pure: what a device code looks like when staff write it down, and when a customer types it in chat.

The chat rule is careful rather than thorough: a price or an order number that is hidden by mistake
is worse than the rare code it misses, which still stands in the thread for agents to see.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from crm.core.errors import Invalid

MOST_SIGNS = 128
MASK = "••••"


class CodeKind(StrEnum):
    """PATTERN: the dots in the order they are joined, numbered 1 to 9 by row. NONE: unlocked."""

    PIN = "pin"
    PASSWORD = "password"
    PATTERN = "pattern"
    NONE = "none"


@dataclass(frozen=True)
class Code:
    kind: CodeKind
    value: str = ""


@dataclass(frozen=True)
class Hidden:
    """text: with every code masked. codes: what was masked, in order."""

    text: str
    codes: tuple[Code, ...]


def check(code: Code) -> Code:
    """The code as it is kept. Raises Invalid, naming the field and never the value."""
    value = code.value
    if code.kind is CodeKind.NONE:
        fits, told = not value, "A device without a code has no value."
    elif code.kind is CodeKind.PIN:
        value = "".join(value.split())
        fits, told = bool(re.fullmatch(r"[0-9]{3,32}", value)), "A PIN has 3 to 32 digits."
    elif code.kind is CodeKind.PATTERN:
        value = re.sub(r"[\s>→-]", "", value)
        fits = bool(re.fullmatch(r"[1-9]{4,9}", value)) and len(set(value)) == len(value)
        told = "Give the dots 1 to 9 in order, each once, at least four."
    else:
        fits, told = bool(value), "Give the password."
    if not fits:
        raise Invalid("the code does not fit", errors={"value": [told]})
    return Code(code.kind, value)


_KEY = (
    r"(?:pass\s?codes?|pin(?:\s?codes?)?|pass\s?words?|pwd?"
    r"|(?:un)?lock(?:ing)?\s?codes?|screen\s?lock(?:\s?codes?)?"
    r"|senhas?|palavras?[\s-]passe|c[oó]digo\s(?:pin|do\secr[aã]|de\sdesbloqueio))"
)
_PATTERN_KEY = r"(?:(?:unlock\s)?pattern|padr[aã]o|desenho(?:\sde\sdesbloqueio)?)"
_FILLER = (
    r"(?:\s+(?:of|for|to|on|the|my|this|that|it|its|phone|i?phone|ipad|tablet|laptop|computer|pc"
    r"|macbook|console|device|mobile|sim|unlock\w*|screen|do|da|de|dos?|das?|para|o|a|meu|minha"
    r"|telem[oó]vel|telefone|celular|port[aá]til|computador|ecr[aã]|dele|dela|code|number))"
    r"{0,5}"
)
_IS = r"(?:\s*(?:[:=→]|-\s|–)\s*|['’]s\s+|\s+(?:is|it's|é|eh|e|será)(?:\s*[:=])?\s+)"
_IS_NO_AMOUNT = (
    r"(?![0-9a-z]|[.,:/-][0-9]|\s[0-9]{3}|\s?(?:€|£|\$|%|eur\b|euros?\b|gbp\b|usd\b|pounds?\b"
    r"|quid\b|reais\b|kz\b|mah\b|mm\b|cm\b|[kmgt]b\b|models?\b|years?\b|days?\b|hours?\b|times\b"
    r"|modelos?\b|anos?\b|dias?\b|horas?\b|vezes\b))"
)
# Nine digits and more are a phone number.
_DIGITS = r"(?:[0-9]{4,8}|[0-9]{2}(?:[ -][0-9]{2}){2,3}|[0-9]{2,3}[ -][0-9]{2,3})" + _IS_NO_AMOUNT
# A password is told apart from an adjective ("my password is wrong") by a digit or by quotes.
_WORD = r"(?=[^\s\"“”'`]*[0-9])[^\s\"“”'`<>]{4,64}"
_QUOTED = r"[\"“'`](?P<quoted>[^\"“”'`\n•]{3,64})[\"”'`]"
_AFTER = re.compile(
    rf"(?<![\w-]){_KEY}{_FILLER}{_IS}"
    rf"(?:{_QUOTED}|(?P<digits>{_DIGITS})|(?P<word>{_WORD}))",
    re.IGNORECASE,
)
# Without a word between them, four digits may as well be a year.
_BESIDE = re.compile(
    rf"(?<![\w-]){_KEY}\s+(?!(?:19|20)[0-9]{{2}}(?![0-9]))(?P<digits>[0-9]{{4,8}}{_IS_NO_AMOUNT})",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?<![\w£€$.,:/+-])(?P<digits>[0-9]{4,8})\s+(?:is|é|eh)\s+(?:the|my|a|o|minha|meu)\s+"
    rf"(?:[\w'’]+\s+){{0,2}}?{_KEY}(?!\w)",
    re.IGNORECASE,
)
_DRAWN = re.compile(
    rf"(?<![\w-]){_PATTERN_KEY}{_FILLER}{_IS}(?P<pattern>[1-9](?:[\s>→-]{{0,3}}[1-9]){{3,8}})"
    r"(?![0-9]|[.,:/-][0-9])",
    re.IGNORECASE,
)
_NOT_A_PASSWORD = re.compile(
    r"https?://|@|^[+£€$]|^RPR-|^TKT-|^BKG-|^CUS-"
    # measures and ordinals: 16GB, 3.5mm, 4-digit, 3rd-party, 1990s
    r"|^[0-9.,]+-?(?:mm|cm|[kmgt]b|mah|w|v|k?hz|h|x|s|st|nd|rd|th)(?![a-z0-9])"
    r"|^[0-9]+-?(?:digit|d[ií]git|char|letter|letra|sign)"
    # what a page said about it, in quotes
    r"|^(?:wrong|incorrect|invalid|forgotten|expired|required|missing|weak|too\s.*"
    r"|errad[ao]|incorret[ao]|inv[aá]lid[ao]|esquecid[ao]|expirad[ao])[.!]?$",
    re.IGNORECASE,
)
# Other things that have a pin or a password: a part, a voucher, an errand.
_OF_SOMETHING_ELSE = re.compile(
    r"(?:\bcharg\w+|\bconnector|\bconector|\bdock|\busb|\bport|\bpower|\bbattery|\bbent|\bbroken"
    r"|\bgift[\s-]?cards?|\bcoupons?|\bcup[oõ](?:m|es|n)|\bvouchers?|\bpromo\w*|\bdiscount|\bpostal"
    r"|\bpost|\bzip|\bsms|\bverification|\bcollection|\bpick-?up|\bdelivery|\btracking|\border"
    r"|\bbooking)[\s-]*$",
    re.IGNORECASE,
)
_LOOK_BACK = 24
_ANY_KEY = re.compile(rf"{_KEY}|{_PATTERN_KEY}", re.IGNORECASE)


def hide(text: str) -> Hidden:
    """Mask what looks like the code of a device."""
    if not _ANY_KEY.search(text):
        return Hidden(text, ())
    codes: list[Code] = []
    for rule in (_DRAWN, _AFTER, _BESIDE, _BEFORE):
        text = rule.sub(lambda found: _masked(found, codes), text)
    return Hidden(text, tuple(codes))


def _masked(found: re.Match[str], codes: list[Code]) -> str:
    before = found.string[max(0, found.start() - _LOOK_BACK) : found.start()]
    if _OF_SOMETHING_ELSE.search(before):
        return found[0]
    name = next(name for name, value in found.groupdict().items() if value is not None)
    value, end = found[name], found.end(name)
    if name == "word":
        value = value.rstrip(".,;:!?)")
        end = found.start(name) + len(value)
        if len(value) < 4 or _is_amount(value):
            return found[0]
    if name in ("word", "quoted") and (not value.strip() or _NOT_A_PASSWORD.search(value)):
        return found[0]
    kind = {"digits": CodeKind.PIN, "pattern": CodeKind.PATTERN}.get(name, CodeKind.PASSWORD)
    plain = re.sub(r"[\s>→-]", "", value) if kind is not CodeKind.PASSWORD else value
    if kind is CodeKind.PASSWORD and plain.isascii() and plain.isdigit():
        kind = CodeKind.PIN
    if kind is CodeKind.PATTERN and len(set(plain)) < len(plain):
        return found[0]  # no dot is joined twice
    codes.append(Code(kind, plain))
    start = found.start(name) - found.start()
    return found[0][:start] + MASK + found[0][end - found.start() :]


def _is_amount(value: str) -> bool:
    """Digits with points, slashes and signs of money are a price, a date or a phone number."""
    return not any(sign.isalpha() for sign in value)
