"""Under which name a page calls the Chatwoot beside it."""

from __future__ import annotations

import pytest

from chatwoot.widget import beside


@pytest.mark.parametrize(
    ("url", "host", "told"),
    [
        ("http://127.0.0.1:8001", "localhost:8000", "http://localhost:8001"),
        ("http://localhost:8001/chat", "127.0.0.1:8000", "http://127.0.0.1:8001/chat"),
        ("http://127.0.0.1", "localhost", "http://localhost"),
        ("http://127.0.0.1:8001", "127.0.0.1:8000", "http://127.0.0.1:8001"),
    ],
)
def test_a_page_of_this_machine_calls_it_by_its_own_name(url: str, host: str, told: str):
    assert beside(url, host) == told


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://chat.example.org", "localhost:8000"),
        ("http://127.0.0.1:8001", "shop.example.org"),
        ("http://127.0.0.1:8001", "localhost.example.org"),
        ("http://127.0.0.1:8001", "<script>"),
        ("http://127.0.0.1:8001", "[::1"),
        ("http://127.0.0.1:8001", "localhost@evil.example:1"),
        ("http://127.0.0.1:8001", "x" * 10_000),
        ("http://127.0.0.1:8001", ""),
    ],
)
def test_every_other_address_stays(url: str, host: str):
    assert beside(url, host) == url
