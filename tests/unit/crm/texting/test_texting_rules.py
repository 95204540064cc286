"""Prices, and the words that mean stop and start."""

from __future__ import annotations

import pytest

from crm.texting import prices, words
from crm.texting.words import START, START_AGAIN, STOP


@pytest.mark.parametrize(
    ("number", "segments", "minor"),
    [
        ("+447700900123", 1, 6),  # 5.24, rounded up
        ("+447700900123", 10, 53),
        ("+351912345678", 1, 6),  # not Spain's +34, not a +35
        ("+12025550123", 1, 1),
        ("+12025550123", 2, 2),
        ("+8613800138000", 1, 9),  # no line of its own
    ],
)
def test_prices(number: str, segments: int, minor: int):
    found = prices.of_sms(number, segments)
    assert (found.segments, found.minor, found.currency) == (segments, minor, "USD")


def test_whatsapp_is_dearer_outside_the_window():
    inside, outside = (prices.of_whatsapp(is_template=one) for one in (False, True))
    assert inside.segments is outside.segments is None
    assert 0 < inside.minor < outside.minor


STOPS = ("STOP", "STOPALL", "UNSUBSCRIBE", "QUIT", "REVOKE", "OPTOUT", "PARAR", "SAIR")
LISTED = dict.fromkeys(STOPS, STOP) | dict.fromkeys(("CANCEL", "END", "CANCELAR"), words.CANCEL)


@pytest.mark.parametrize(("word", "meaning"), LISTED.items())
@pytest.mark.parametrize(
    "spelt", ["{}", " {} ", "{}.", "{}!!", "“{}”", "\n{}\r\n", "{}\u200b", "\u200f{}"]
)
def test_every_stop_word(word: str, meaning: str, spelt: str):
    for cased in (word, word.lower(), word.title()):
        assert words.meaning(spelt.format(cased)) == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("stop all", STOP),
        ("opt-out", STOP),
        ("ＳＴＯＰ", STOP),
        ("Start", START),
        ("unstop", START),
        ("yes", START_AGAIN),
        ("Stop by tomorrow?", None),
        ("please stop", None),
        ("stop it", None),
        ("no", None),
        ("", None),
        ("stop" + " " * 10_000, None),
        ("stop\0", None),
        ("😀", None),
        ("{{ stop }}", None),
        ("<script>stop</script>", None),
    ],
)
def test_other_words(text: str, meaning: str | None):
    assert words.meaning(text) == meaning
