"""What is hidden, and what must stay readable."""

import pytest

from crm.core.masking import mask_body, mask_text


@pytest.mark.parametrize(
    ("words", "masked"),
    [
        ("ring +44 20 7946 0018 now", "ring ***18 now"),
        ("(020) 7946 0018", "***18"),
        ("07700900123", "***23"),
        ("5551234567", "***67"),
        ("jane.doe+x@mail.example.org", "j***@mail.example.org"),
        ("key mnd_abcdefgh12345678", "key mnd_***"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***"),
    ],
)
def test_hidden(words, masked):
    assert mask_text(words) == masked


@pytest.mark.parametrize(
    "words",
    ["2026-11-21T03:22:15Z", "RPR-2611-7K3QD", "TKT-000001", "conversation 4512", "127.0.0.1:8000",
     "psycopg 3.3.9", "409 Conflict", "key_0abc12345678", "request 5f1d0c9b8a7e6f5d4c3b2a19"],
)  # fmt: skip
def test_left_alone(words):
    assert mask_text(words) == words


def test_bodies():
    body = {
        "token": "t",
        "hmac": 5,
        "content": "y" * 90,
        "deep": [{"email": "a.b@c.de"}],
        "n": None,
    }
    assert mask_body(body) == {
        "token": "***", "hmac": "***", "content": "y" * 40 + "…", "deep": [{"email": "a***@c.de"}],
        "n": None,
    }  # fmt: skip


def test_a_body_without_an_end_is_cut():
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    assert "…" in str(mask_body(deep))
