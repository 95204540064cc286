"""From a customer's words to the repair they mean: the whole ladder, rung by rung."""

from __future__ import annotations

import time

import pytest

from crm.core import refs
from crm.repairs.statuses import RepairStatus
from crm.replies.rules import (
    Ask,
    Candidate,
    Focus,
    Heard,
    Meant,
    MeantBy,
    Nothing,
    meaning,
    read_number,
    read_refs,
)
from crm.replies.words import is_small_talk, pointed_at, status_words


def _ref(body: str) -> str:
    return f"RPR-{body[:4]}-{body[4:]}{refs.check_sign(body)}"


MAC, PHONE, OLD = (
    Candidate(1, _ref("26117K3Q"), "MacBook Pro 14 silver", True),
    Candidate(2, _ref("26110000"), "iPhone 13", True),
    Candidate(3, _ref("2610ABCD"), "PlayStation 5", False),
)
BOTH, ALL = (MAC, PHONE), (MAC, PHONE, OLD)
BY_CUSTOMER, BY_AGENT = Focus(2, False), Focus(2, True)


@pytest.mark.parametrize(
    ("heard", "candidates", "focus", "asked", "meant"),
    [
        # A reference, forgivingly; it beats everything.
        (Heard(f"how is {MAC.ref}?", quoted=2), ALL, BY_AGENT, (), Meant(1, MeantBy.REFERENCE)),
        (Heard(f"the iphone is fine, {OLD.ref.lower()}"), ALL, None, (), Meant(3, MeantBy.REFERENCE)),
        (Heard(MAC.ref.replace("-", " ").replace("0", "O")), ALL, None, (), Meant(1, MeantBy.REFERENCE)),
        (Heard(f"{MAC.ref} and {PHONE.ref}"), ALL, None, (), Nothing()),
        (Heard(f"> about {MAC.ref}\nmy iphone?"), ALL, None, (), Meant(2, MeantBy.DEVICE)),
        (Heard(_ref("2609ZZZZ")), (MAC,), None, (), Nothing()),
        # The message it quotes; not one about somebody else's repair.
        (Heard("is it ready?", quoted=3), ALL, BY_AGENT, (), Meant(3, MeantBy.QUOTED)),
        (Heard("is it ready?", quoted=99), ALL, None, (), Ask((1, 2))),
        (Heard("is it ready?", subject=f"Re: Your repair {PHONE.ref}"), ALL, None, (),
         Meant(2, MeantBy.SUBJECT)),
        # The answer to our question, also by its number; only while one is open.
        (Heard("2"), ALL, None, (2, 1), Meant(1, MeantBy.ANSWER)),
        (Heard(" 1. "), ALL, BY_AGENT, (2, 1), Meant(2, MeantBy.ANSWER)),
        (Heard("3"), ALL, None, (2, 1), Meant(None, MeantBy.ANSWER)),
        (Heard("4"), ALL, None, (2, 1), Ask((1, 2))),
        (Heard("2"), ALL, None, (), Ask((1, 2))),
        # Words for a device beat what was chosen last.
        (Heard("Is the MacBook done?"), ALL, BY_AGENT, (), Meant(1, MeantBy.DEVICE)),
        (Heard("o meu portátil já está?"), ALL, BY_AGENT, (), Meant(1, MeantBy.DEVICE)),
        (Heard("and my telemóvel"), ALL, None, (), Meant(2, MeantBy.DEVICE)),
        (Heard("the playstation?"), ALL, None, (), Ask((1, 2))),
        (Heard("the silver one"), ALL, None, (), Ask((1, 2))),
        # What was chosen last: an agent's choice holds for closed repairs too.
        (Heard("is it ready?"), ALL, BY_CUSTOMER, (), Meant(2, MeantBy.FOCUS)),
        (Heard("is it ready?"), ALL, Focus(3, True), (), Meant(3, MeantBy.FOCUS)),
        (Heard("is it ready?"), ALL, Focus(3, False), (), Ask((1, 2))),
        (Heard("is it ready?"), (MAC, OLD), Focus(3, True), (), Meant(3, MeantBy.FOCUS)),
        (Heard("is it ready?"), (MAC, OLD), Focus(None, True), (), Meant(None, MeantBy.FOCUS)),
        (Heard("is it ready?"), (MAC,), Focus(77, True), (), Meant(1, MeantBy.ONLY)),
        # The only open one, else the question; small talk is not worth one.
        (Heard("is it ready?"), (MAC, OLD), None, (), Meant(1, MeantBy.ONLY)),
        (Heard("is it ready?"), BOTH, None, (), Ask((1, 2))),
        (Heard("Está pronto?"), BOTH, None, (), Ask((1, 2))),
        (Heard("", has_files=True), BOTH, None, (), Ask((1, 2))),
        (Heard("هل هو جاهز؟"), BOTH, None, (), Ask((1, 2))),
        (Heard("Thanks a lot!"), BOTH, None, (), Nothing()),
        (Heard("is it ready?"), (OLD,), None, (), Nothing()),
        (Heard("is it ready?"), (), None, (1, 2), Nothing()),
    ],
)  # fmt: skip
def test_the_ladder(heard, candidates, focus, asked, meant):
    assert meaning(heard, candidates, focus, asked) == meant


@pytest.mark.parametrize(
    ("words", "devices", "place"),
    [
        ("the macbook pro", ["MacBook Air 13", "MacBook Pro 14"], 1),
        ("the macbook", ["MacBook Air 13", "MacBook Pro 14"], None),
        ("macbook pro and the iphone", ["MacBook Pro 14", "iPhone 13"], None),
        ("iphone13", ["iPhone 13", "iPhone 12"], 0),
        ("iphone 13", ["iPhone 13", "iPhone 13 Pro"], None),
        ("which one?", ["Xbox One", "iPhone 13"], None),
        ("is the Xbox one done", ["Xbox One", "iPhone 13"], 0),
        ("please phone me", ["iPhone 13", "MacBook Air"], None),
        ("my phone number is 07700 900123", ["iPhone 13", "MacBook Air"], None),
        ("the phone", ["iPhone 13", "MacBook Air"], 0),
        ("the phone", ["iPhone 13", "Google Pixel 8"], None),
        ("s21ultra?", ["Samsung Galaxy S21 Ultra", "iPad Air"], 0),
        ("at 13 o'clock", ["iPhone 13", "MacBook Air"], None),
        ("the mac", ["iPhone 13", "MacBook Air"], 1),
        ("my ipad", ["iPad Air", "Samsung Galaxy Tab S8"], 0),
        ("the tablet", ["iPhone 13", "Samsung Galaxy Tab S8"], 1),
        ("the black one", ["iPhone 13 black", "iPad Air"], None),
        ("o relógio", ["Apple Watch 7", "iPad Air"], 0),
        ("anything", ["", ""], None),
        ("", ["iPhone 13"], None),
    ],
)
def test_words_for_devices(words, devices, place):
    assert pointed_at(words, devices) == place


@pytest.mark.parametrize("words", ["Hi!", "Thank you so much 😀", "Olá, bom dia", "muito obrigada!",
                                   "ok", "Yes, go ahead", "sim, pode avançar", "👍", "", "!!!"])  # fmt: skip
def test_small_talk(words):
    assert is_small_talk(words)


@pytest.mark.parametrize(
    "words", ["Hi, is it ready?", "thanks, when?", "quanto custa?", "здравствуйте"]
)
def test_more_than_small_talk(words):
    assert not is_small_talk(words)


def test_numbers_and_references():
    assert [read_number(words, 3) for words in ("1", "#2", "3)", "0", "4", "1 please", "12", "²")] == [
        1, 2, 3, None, None, None, None, None,
    ]  # fmt: skip
    slip = MAC.ref[:-1] + ("0" if MAC.ref[-1] != "0" else "1")
    assert read_refs(f"{MAC.ref} {MAC.ref} {slip} XRPR-2611-7K3QB") == [MAC.ref]


@pytest.mark.parametrize(
    "words",
    ["x" * 10_000, "RPR-" * 3_000, "RPR 2611" + " " * 10_000, "\u202eipad", "{{7*7}}", "a\x00b",
     "<script>iphone</script>" * 500, "macbook " * 2_000, "1" * 10_000, "😀" * 10_000],
)  # fmt: skip
def test_hostile_words_are_only_words(words):
    began = time.monotonic()
    meaning(Heard(words, subject=words), ALL, None, (1, 2))
    assert time.monotonic() - began < 0.5


def test_every_status_has_words():
    for locale in ("en", "pt"):
        assert all(status_words(locale, one) for one in (*RepairStatus, "something_else"))
