"""An e-mail as it arrives: both parts of one text, its thread, and where answers go."""

from __future__ import annotations

import re

import pytest

from tests.integration.channels.conftest import Channels

DEVICE = "<script>alert(1)</script>\u202e 🔧 {{ 7*7 }} https://evil.example/pay"


@pytest.fixture
def environ() -> dict[str, str]:
    return {"PUBLIC_URL": "https://quay.example", "MAIL_REPLY_TO": "chat@quay.example"}


def test_a_mail_arrives_in_two_parts_that_say_the_same(channels: Channels):
    customer = channels.customer(email="ilse@example.org")
    body = {"customer_ref": customer, "device": DEVICE}
    ref = channels.shop.call("POST", "/repairs", "desk", json=body).json["ref"]
    other = channels.repair(customer)
    status = {"status": "diagnosing"}
    assert (
        channels.shop.call("POST", f"/repairs/{ref}/updates", "desk", json=status).status_code < 300
    )
    channels.write("UPDATE outbox SET due_at = clock_timestamp(), held_until = NULL")
    channels.settle()

    by_subject = {mail["Subject"]: mail for mail in channels.post.mails}
    first = by_subject[f"We have your device: repair {ref}"]
    later = by_subject[f"We are examining your device: repair {ref}"]
    about_other = by_subject[f"We have your device: repair {other}"]
    assert first["References"] == later["References"] != about_other["References"]
    assert len({mail["Message-ID"] for mail in (first, later, about_other)}) == 3
    assert first["Reply-To"] == "Quay Phones <chat@quay.example>"
    assert first["List-Unsubscribe"] is None

    assert first.get_content_type() == "multipart/alternative"
    plain, page = (first.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "<script>alert(1)</script>" in plain and "{{ 7*7 }}" in plain
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "<script" not in page
    assert "\u202e" not in plain + page
    assert ">https://evil.example/pay</a>" in page
    (track,) = channels.shop.rows(
        "SELECT variables ->> 'link' FROM notifications ORDER BY id LIMIT 1"
    )
    assert f'href="{track[0]}"' in page and track[0] in plain
    preferences = re.search(
        r"Change what we send you: https://quay\.example(/preferences/\S+)", plain
    )[1]
    assert channels.shop.http.get(preferences).status_code == 200
    assert "You can simply answer this e-mail." in page
    assert "ilse" not in plain + page
