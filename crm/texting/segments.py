"""How many segments a text message is billed as (3GPP TS 23.038: alphabet, TS 23.040: joining)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

GSM, UCS = "GSM-7", "UCS-2"
LONGEST_TEXT = 1600  # Twilio refuses more
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")  # an escape goes before each
_ALONE = {GSM: 160, UCS: 70}
# Of several, each begins with a header that tells where it belongs.
_JOINED = {GSM: 153, UCS: 67}
# Typographic signs with a plain twin: one of them would more than halve the room for all others.
_PLAIN = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "•": "-",
     "\u00a0": " ", "\u202f": " ", "\t": " "}
)  # fmt: skip


@dataclass(frozen=True)
class Count:
    """encoding: `GSM-7` or `UCS-2`. units: septets or 16-bit units, without headers."""

    encoding: str
    units: int
    segments: int


def counted(text: str) -> Count:
    """Of an empty text: one segment of nothing."""
    encoding = GSM if _is_gsm(text) else UCS
    widths = [_width(sign, encoding) for sign in text]
    units = sum(widths)
    segments = 1 if units <= _ALONE[encoding] else _packed(widths, _JOINED[encoding])
    return Count(encoding, units, segments)


def plain(text: str) -> str:
    """The text with typographic signs made plain, where it then fits the cheap alphabet."""
    twin = text.translate(_PLAIN)
    return twin if _is_gsm(twin) else text


def short_words(text: str) -> str:
    return plain(shortened(text.strip()))


def shortened(text: str) -> str:
    """What fits into one message; the last line, with the link, is kept."""
    if len(text) <= LONGEST_TEXT:
        return text
    last = text.splitlines()[-1][-LONGEST_TEXT // 2 :]
    # Three points, because the one sign for them is not of the cheap alphabet.
    return f"{text[: LONGEST_TEXT - len(last) - 4]}...\n{last}"


def _is_gsm(text: str) -> bool:
    return all(sign in _BASIC or sign in _EXTENDED for sign in text)


def _width(sign: str, encoding: str) -> int:
    if encoding == GSM:
        return 2 if sign in _EXTENDED else 1
    return 2 if ord(sign) > 0xFFFF else 1


def _packed(widths: Iterable[int], room: int) -> int:
    """A sign of two units is never cut in half."""
    segments, used = 1, 0
    for width in widths:
        if used + width > room:
            segments, used = segments + 1, 0
        used += width
    return segments
