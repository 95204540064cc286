"""Which answers go out compressed, and that they stay the same answers."""

from __future__ import annotations

import gzip

import pytest

STYLE = "/static/mendline.css"


def test_static_text_is_compressed_for_who_takes_it(client):
    plain = client.get(STYLE)
    small = client.get(STYLE, headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.data) == plain.data
    assert int(small.headers["Content-Length"]) == len(small.data) < len(plain.data) / 2
    assert "Accept-Encoding" in plain.headers["Vary"] and "Accept-Encoding" in small.headers["Vary"]


def test_a_kept_copy_is_still_recognised(client):
    etag = client.get(STYLE, headers={"Accept-Encoding": "gzip"}).headers["ETag"]
    again = client.get(STYLE, headers={"Accept-Encoding": "gzip", "If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("refusal", ["gzip;q=0", "identity", "br"])
def test_who_refuses_gets_it_plain(client, refusal):
    answer = client.get(STYLE, headers={"Accept-Encoding": refusal})
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/track", "/admin/sign-in", "/api/v1/openapi.json", "/healthz"])
def test_what_repeats_the_request_or_is_for_machines_stays_plain(client, path):
    answer = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers


def test_pictures_are_small_already(client):
    answer = client.get("/static/icon-192.png", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
