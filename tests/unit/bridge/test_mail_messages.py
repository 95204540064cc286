"""Making an e-mail of a letter: hostile addresses and names, and a name of its own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bridge.integrations.addressed import Letter
from bridge.integrations.mail.messages import Sender, compose, mailable, message_id, read_sender
from crm.core.errors import Permanent


@pytest.mark.parametrize(
    "address",
    ["ilse@example.org\r\nBcc: all@example.org", "a b@example.org", "<script>@example.org", "x@\x00.org",
     "ìlse@example.org", "a@b@c.org", "@example.org", "x" * 10_000 + "@example.org", "\u202e@x.org"],
)  # fmt: skip
def test_odd_addresses_are_refused_before_the_line_is_opened(address: str):
    with pytest.raises(Permanent) as refused:
        mailable(address)
    assert "example" not in refused.value.detail


@pytest.mark.parametrize("name", ["Evil\r\nBcc: all@example.org", "x" * 10_000, "🔧📱", "{{ 7*7 }}", "\u202eabc"])
def test_names_cannot_break_out_of_a_header(name: str):
    letter = Letter("ilse@example.org", "Hello " + name, "verification_code", "en", "")
    mail = compose(letter, Sender("Q", "q@quay.example"), name, "key", datetime.now(UTC))
    raw = mail.as_bytes()
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
