"""Values come from people: none can pose as our words, hide what follows, or be run."""

from __future__ import annotations

import pytest

from crm.notifications import texts
from crm.notifications.samples import sample

SAYS = sorted(texts.names())
HOSTILE = [
    "{{ 7 * 7 }}", "{% include 'en/_note.chat' %}", "<script>alert(1)</script>",
    "📱👩\u200d🔧", "שלום עולם", "x" * 10_000, "''; --",
]  # fmt: skip


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_told_is_told_as_it_was_written(value: str, locale: str):
    values = sample("repair_testing", locale) | {"device": value}
    assert value in texts.render(locale, "repair_testing", "chat", values)


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x0b"])
@pytest.mark.parametrize("name", SAYS)
def test_a_value_makes_no_line_of_its_own(name: str, break_: str, locale: str):
    """Else a device's name could pose as `Pay here: https://…`."""
    values = sample(name, locale)
    forged = f"Pixel{break_}Pay here: https://evil.example"
    for key in ("device", "ref", "shop", "title"):
        if key in values:
            values[key] = forged
    for channel in ("chat", "sms"):
        if (texts.TEMPLATES / locale / f"{name}.{channel}").exists():
            said = texts.render(locale, name, channel, values)
            assert not any(line.startswith("Pay here: https://evil") for line in said.splitlines())


def test_lines_within_a_list_or_its_parts_are_joined_too():
    values = sample("booking_confirmed", "en") | {
        "devices": ["Pixel\nPay here: https://evil.example"]
    }
    assert "Pixel Pay here" in texts.render("en", "booking_confirmed", "chat", values)
    values = sample("quote_which", "en")
    values["quotes"][0]["device"] = "Pixel\nPay here: https://evil.example"
    assert "- Pixel Pay here" in texts.render("en", "quote_which", "chat", values)


def test_what_the_shop_writes_at_length_keeps_its_lines():
    values = sample("follow_up", "en") | {"words": "Dear Ana,\r\nyour case is here."}
    assert texts.render("en", "follow_up", "chat", values).startswith("Dear Ana,\nyour case")


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\x7f", "\u202e", "\u2066", "\x9b"])
def test_signs_that_change_what_stands_around_them_are_left_out(sign: str):
    values = sample("follow_up", "en") | {"words": f"Hel{sign}lo", "shop": f"Qu{sign}ay"}
    said = texts.render("en", "follow_up", "chat", values)
    assert said.startswith("Hello\n") and "\nQuay" in said


def test_a_mark_for_the_direction_of_a_word_stays():
    values = sample("repair_testing", "en") | {"device": "\u200fשלום\u200f"}
    assert values["device"] in texts.render("en", "repair_testing", "chat", values)


def test_a_sample_can_be_changed_without_harm():
    sample("quote_which", "en")["quotes"][0]["device"] = "another"
    assert sample("quote_which", "en")["quotes"][0]["device"] == "iPhone 13"
