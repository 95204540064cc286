"""Text messages are short, and links stand where they can be touched or made a button of."""

from __future__ import annotations

import re

import pytest

from crm.notifications import rules, texts
from crm.notifications.rules import Kind
from crm.notifications.samples import sample
from crm.texting.segments import GSM, counted, plain

SHORT = sorted(path.stem for path in (texts.TEMPLATES / "en").glob("[a-z]*.sms"))
LETTERS = sorted(texts.names() | {"sign_in_link"})
MAY_LACK_REF = {"follow_up", "invoice", "payment_received", "refund"}
BARE = {"device": "", "ref": "", "note": None, "ready_on": None, "collection_code": None,
        "balance": None, "pay_link": None, "devices": [], "address": "", "hours": [],
        "method": "cash", "purpose": "collection", "is_range": False, "title": ""}  # fmt: skip
URL = re.compile(r"https?://\S+")


def words(name: str, locale: str) -> str:
    channel = "chat" if name in texts.names() else "sms"
    return texts.render(locale, name, channel, sample(name, locale))


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("name", SHORT)
def test_they_fit_into_two_segments_of_the_cheap_alphabet(name: str, locale: str):
    short = plain(texts.short(locale, name, sample(name, locale)) or "")
    found = counted(short)
    assert found.encoding == GSM, [sign for sign in short if counted(sign).encoding != GSM]
    assert found.segments <= 2, f"{found.units} units:\n{short}"


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("name", SHORT)
def test_the_link_is_all_of_the_last_line(name: str, locale: str):
    """A longer text is cut, and keeps its last line (bridge/integrations/twilio)."""
    lines = (texts.short(locale, name, sample(name, locale)) or "").splitlines()
    if any(URL.search(line) for line in lines) and name != "sign_in_link":
        assert URL.fullmatch(lines[-1])
    assert all(line.strip() for line in lines)


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("name", LETTERS)
def test_each_link_stands_at_the_end_of_a_line_that_names_it(name: str, locale: str):
    for line in words(name, locale).splitlines():
        if URL.search(line):
            assert re.fullmatch(r"(- )?[^:]{3,60}: https?://\S+", line), line


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("name", sorted(texts.names()))
def test_what_is_not_known_leaves_no_gap(name: str, locale: str):
    given = {key: value for key, value in BARE.items() if key in sample(name, locale)}
    if name not in MAY_LACK_REF:
        given.pop("ref", None)
    for channel in ("chat", "sms"):
        if channel == "sms" and name not in SHORT:
            continue
        said = texts.render(locale, name, channel, sample(name, locale) | given)
        assert "None" not in said and "  " not in said and " ." not in said, said
        assert not said.startswith((",", ":"))


@pytest.mark.parametrize("locale", texts.LOCALES)
def test_a_long_note_is_shortened_and_the_link_stays(locale: str):
    values = sample("repair_testing", locale) | {"note": "word " * 2000, "device": "x" * 10_000}
    short = texts.short(locale, "repair_testing", values) or ""
    assert short.endswith(values["link"]) and counted(short).segments <= 2
    assert "word..." in short


def test_every_customers_message_has_short_words():
    """Those to staff have none; `low_stock` is words the product ships with."""
    for name in texts.names() | set(SHORT):
        assert (name in SHORT) == (rules.defaults()[name].kind != Kind.STAFF), name
