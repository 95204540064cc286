"""Making an e-mail of a letter: hostile addresses and names, and a name of its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest

from bridge.integrations.addressed import Letter
from bridge.integrations.mail.messages import Sender, compose, mailable, message_id, read_sender
from crm.core.errors import Permanent
from crm.core.shop import Links, Shop
from crm.notifications import samples, texts

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
REF = "RPR-2611-7K3QD"
QUAY = Sender(
    "Quay Phones", "desk@a-rather-long-name-of-a-domain.quay-phones.example", "chat@quay.example"
)
MAILS = sorted(name for name in samples.names() if not name.startswith("note_"))


def made(
    shop_name: str = "Quay Phones", *, text: str = "Hello", template: str = "repair_received", ref: str = REF,
    locale: str = "en", sender: Sender = QUAY, site: str = "https://repairs.quayphones.example",
    **fields,
) -> EmailMessage:  # fmt: skip
    links = Links(site, ("k" * 40,))
    shop = Shop(shop_name, ZoneInfo("Europe/London"), "GBP", "en", timedelta(), links)
    letter = Letter("ilse@example.org", text, template, locale, ref, **fields)
    return compose(letter, sender, shop, "key", NOW)


def parsed(mail: EmailMessage) -> EmailMessage:
    return message_from_bytes(mail.as_bytes(), policy=policy.default)


@pytest.mark.parametrize(
    "address",
    ["ilse@example.org\r\nBcc: all@example.org", "a b@example.org", "<script>@example.org", "x@\x00.org",
     "ìlse@example.org", "a@b@c.org", "@example.org", "x" * 10_000 + "@example.org", "\u202e@x.org"],
)  # fmt: skip
def test_odd_addresses_are_refused_before_the_line_is_opened(address: str):
    with pytest.raises(Permanent) as refused:
        mailable(address)
    assert "example" not in refused.value.detail


@pytest.mark.parametrize(
    "name", ["Evil\r\nBcc: all@example.org", "x" * 10_000, "🔧📱", "{{ 7*7 }}", "\u202eabc"]
)
def test_names_cannot_break_out_of_a_header(name: str):
    raw = made(
        shop_name=name, text="Hello " + name, template="verification_code", ref=""
    ).as_bytes()
    mail = message_from_bytes(raw, policy=policy.default)
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"\nBcc:" not in head
    assert len(str(mail["Subject"])) <= 200
    assert "49" not in str(mail["Subject"])


def test_a_domain_of_other_letters_is_written_as_mail_servers_know_it():
    assert mailable("ilse@bücher.example") == "ilse@xn--bcher-kva.example"


def test_one_effect_has_one_name():
    sender = read_sender('"Quay, Phones" <desk@quay.example>')
    assert sender == Sender("Quay, Phones", "desk@quay.example")
    assert message_id("booking:1:code:1", sender) == message_id("booking:1:code:1", sender)
    assert message_id("booking:1:code:1", sender) != message_id("booking:1:code:2", sender)
    assert message_id("x", sender).endswith("@quay.example>")


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("name", MAILS)
def test_every_message_is_a_whole_small_mail(name: str, locale: str):
    values = samples.sample(name, locale)
    has_chat = (texts.TEMPLATES / locale / f"{name}.chat").exists()
    text = texts.render(locale, name, "chat" if has_chat else "sms", values)
    strings = {key: value for key, value in values.items() if isinstance(value, str)}
    mail = parsed(made(text=text, template=name, ref=values.get("ref", ""), locale=locale,
                       variables=strings, customer_id=7))  # fmt: skip
    plain, page = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert mail.get_content_type() == "multipart/alternative"
    assert mail["Content-Language"] == locale and f'lang="{locale}"' in page
    assert plain.replace("\r\n", "\n").startswith(text)
    assert len(mail.as_bytes()) < 30_000
    assert values.get("ref", "") in mail["Subject"]
    if "https://" in text:
        assert page.count("<a ") > ("/preferences/" in page), "a link that is no link"


def test_mails_about_one_repair_make_a_thread_and_answers_go_to_the_chat():
    one, two, other = made(), made(template="repair_testing"), made(ref="RPR-2611-9Q2TB")
    assert one["References"] == two["References"] != other["References"]
    assert one["References"] not in (one["Message-ID"], two["Message-ID"])
    assert REF not in one["References"]
    assert parsed(one)["Reply-To"] == "Quay Phones <chat@quay.example>"
    assert "answer this e-mail" in one.get_body(("plain",)).get_content()
    silent = made(sender=Sender("Quay", "desk@quay.example"), ref="")
    assert silent["Reply-To"] is silent["References"] is None
    told = silent.get_body(("plain",)).get_content()
    assert "answer this e-mail" not in told and "not read" in told


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("name", MAILS)
def test_no_text_promises_that_an_answer_is_read(name: str, locale: str):
    """The foot alone knows whether somebody does; `which_repair` goes where the customer wrote."""
    has_chat = (texts.TEMPLATES / locale / f"{name}.chat").exists()
    text = texts.render(locale, name, "chat" if has_chat else "sms", samples.sample(name, locale))
    promise = re.search(
        r"write to us|let us know|tell us\b|escreva-nos|avise-nos|diga-nos", text, re.I
    )
    assert promise is None


def test_only_a_code_is_shown_as_one():
    """A shop's name may hold a number."""
    text = "This link signs you in at Phones 4000 and works for 15 minutes.\nSign in: https://x.example"
    mail = made("Phones 4000", text=text, template="sign_in_link", ref="")
    assert 'class="code"' not in mail.get_body(("html",)).get_content()
    text = "482913 is your code for Phones 4000."
    mail = made("Phones 4000", text=text, template="verification_code", ref="", code="482913")
    page = mail.get_body(("html",)).get_content()
    assert page.count('class="code"') == 1
    assert re.search(r'class="code"[^>]*>482913<', page)


def test_the_survey_alone_is_answered_by_links_of_its_own():
    link = "https://repairs.quayphones.example/survey/x.y"
    for template, marks in (("survey", 5), ("follow_up", 0)):
        mail = made(
            text=f"How did we do?\nRate it: {link}", template=template, variables={"link": link}
        )
        assert mail.get_body(("html",)).get_content().count(f"{link}?mark=") == marks
        assert f"Rate it: {link}" in mail.get_body(("plain",)).get_content()


def test_marketing_alone_is_left_by_one_click():
    review = made(template="review_request", customer_id=7)
    link = review["List-Unsubscribe"]
    assert link.startswith("<https://repairs.quayphones.example/preferences/") and link[-1] == ">"
    assert review["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "ilse" not in link
    page = review.get_body(("html",)).get_content()
    assert f'href="{link[1:-1]}/unsubscribe"' in page and ">Unsubscribe</a>" in page
    assert "Unsubscribe" not in made(customer_id=7).get_body(("html",)).get_content()
    for mail in (made(customer_id=7), made(template="review_request"),
                 made(template="review_request", customer_id=7, site="http://localhost:8000")):  # fmt: skip
        assert mail["List-Unsubscribe"] is mail["List-Unsubscribe-Post"] is None
    assert (
        "Change what we send you: https://"
        in made(customer_id=7).get_body(("plain",)).get_content()
    )
    assert "/preferences/" not in made(template="verification_code", customer_id=7).as_string()


def test_headers_for_machines_are_neither_folded_nor_encoded():
    raw = made(template="review_request", customer_id=7).as_bytes()
    lines = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    (link,) = [line for line in lines if line.startswith(b"List-Unsubscribe:")]
    (thread,) = [line for line in lines if line.startswith(b"References:")]
    assert link.endswith(b">") and thread.endswith(b"quay-phones.example>")
    assert max(map(len, raw.split(b"\r\n"))) < 998


def test_a_subject_that_leaves_out_the_reference_gets_it():
    assert made(template="invoice")["Subject"] == f"Your invoice from Quay Phones ({REF})"
    long = made("x" * 300, template="invoice")["Subject"]
    assert len(long) == 200 and long.endswith(f"({REF})")
