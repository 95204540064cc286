"""From a customer's words to the repair they mean: the whole ladder, rung by rung."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

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
    read_refs,
)
from crm.replies.words import chosen_line, is_small_talk, pointed_at, status_words


def _ref(body: str) -> str:
    return f"RPR-{body[:4]}-{body[4:]}{refs.check_sign(body)}"


THEN = datetime(2026, 11, 2, 9, tzinfo=UTC)
NOW = THEN + timedelta(days=1)
MAC, PHONE, OLD = (
    Candidate(1, _ref("26117K3Q"), "MacBook Pro 14 silver", True, THEN),
    Candidate(2, _ref("26110000"), "iPhone 13", True, THEN),
    Candidate(3, _ref("2610ABCD"), "PlayStation 5", False, THEN),
)
BOTH, ALL = (MAC, PHONE), (MAC, PHONE, OLD)
NEW, NEWER = (
    Candidate(4, _ref("2611XY12"), "Galaxy S22", True, NOW + timedelta(hours=1)),
    Candidate(5, _ref("2611XY13"), "Pixel 8", True, NOW + timedelta(hours=2)),
)
BY_CUSTOMER, BY_AGENT, ABOUT_NONE = (
    Focus(2, False, NOW),
    Focus(2, True, NOW),
    Focus(None, True, NOW),
)


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
        # A device among those we asked about is the answer too, also when it was closed since.
        (Heard("The MacBook"), ALL, BY_AGENT, (2, 1), Meant(1, MeantBy.ANSWER)),
        (Heard("o portátil"), ALL, None, (2, 1), Meant(1, MeantBy.ANSWER)),
        (Heard("the playstation"), ALL, None, (2, 3), Meant(3, MeantBy.ANSWER)),
        (Heard("the galaxy"), (*ALL, NEW), None, (2, 1), Meant(4, MeantBy.DEVICE)),
        (Heard("the phone"), (*ALL, NEW), None, (2, 1), Ask((1, 2, 4))),
        (Heard("the second, thanks"), ALL, None, (2, 1), Meant(1, MeantBy.ANSWER)),
        (Heard("something else"), ALL, None, (2, 1), Meant(None, MeantBy.ANSWER)),
        # Words for a device beat what was chosen last.
        (Heard("Is the MacBook done?"), ALL, BY_AGENT, (), Meant(1, MeantBy.DEVICE)),
        (Heard("o meu portátil já está?"), ALL, BY_AGENT, (), Meant(1, MeantBy.DEVICE)),
        (Heard("and my telemóvel"), ALL, None, (), Meant(2, MeantBy.DEVICE)),
        (Heard("the playstation?"), ALL, None, (), Ask((1, 2))),
        (Heard("the silver one"), ALL, None, (), Ask((1, 2))),
        # What was chosen last: an agent's choice holds for closed repairs too.
        (Heard("is it ready?"), ALL, BY_CUSTOMER, (), Meant(2, MeantBy.FOCUS)),
        (Heard("is it ready?"), ALL, Focus(3, True, NOW), (), Meant(3, MeantBy.FOCUS)),
        (Heard("is it ready?"), ALL, Focus(3, False, NOW), (), Ask((1, 2))),
        (Heard("is it ready?"), (MAC, OLD), Focus(3, True, NOW), (), Meant(3, MeantBy.FOCUS)),
        (Heard("is it ready?"), (MAC, OLD), ABOUT_NONE, (), Meant(None, MeantBy.FOCUS)),
        # "About none" was said of those there were: not of one received since.
        (Heard("is it ready?"), (MAC, NEW), ABOUT_NONE, (), Meant(4, MeantBy.ONLY)),
        (Heard("is it ready?"), (MAC, NEW, NEWER), ABOUT_NONE, (), Ask((4, 5))),
        (Heard("the macbook?"), (MAC, NEW), ABOUT_NONE, (), Meant(1, MeantBy.DEVICE)),
        (Heard("is it ready?"), (MAC,), Focus(77, True, NOW), (), Meant(1, MeantBy.ONLY)),
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


@pytest.mark.parametrize(
    "words",
    ["2", "2.", "#2", "2)", "n.º 2", "Nr. 2", "option 2", "2 please", "number 2", "No 2", "2️⃣", "the second",
     "The 2nd one, please!", "two", "it's number two", "I meant the second one", "Option two pls", "2 👍",
     "o segundo", "a 2", "é o 2", "É a segunda, obrigado", "opção 2", "o número dois por favor"],
)  # fmt: skip
def test_a_line_of_the_list(words):
    assert chosen_line(words, 3) == 2


@pytest.mark.parametrize(("words", "line"), [("something else, please", 3), ("Outra coisa", 3),
                                             ("nenhum deles", 3), ("1st", 1), ("one", 1)])  # fmt: skip
def test_other_lines(words, line):
    assert chosen_line(words, 3) == line


@pytest.mark.parametrize(
    "words",
    ["", "0", "4", "12", "²", "-1", "1 or 2", "1-2", "2:30", "at 2", "2 days", "£2", "2€", "2/3", "iphone 2",
     "\u202e2", "<script>2</script>", "{{7*7}}", "the one I brought second", "para segunda",
     "na segunda", "no", "yes", "option",
     "2" * 10_000, "please " * 2_000 + "2", "٢", "2\x002"],
)  # fmt: skip
def test_no_line_of_the_list(words):
    assert chosen_line(words, 3) is None


def test_references():
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
