"""The upload page as a phone uses it: without script, by a link that ends, in two languages."""

import io
from datetime import timedelta

import pytest

from crm.core import clock
from crm.files.links import LIFE, FileLinks
from crm.files.rules import Size
from tests.integration.files.conftest import sent, stored
from tests.service import ENVIRON
from tests.unit.crm.files import samples

links = FileLinks("", (ENVIRON["SECRET_KEY"],))


@pytest.fixture
def link(mendline, desk, repair) -> str:
    """The path of a fresh upload link."""
    made = desk("POST", f"/repairs/{repair}/upload-links")
    assert made.status_code == 201 and made.json["qr_code"].startswith("data:image/svg+xml")
    return made.json["url"].removeprefix("http://localhost:8000")


def test_pictures_arrive_without_script(mendline, repair, store, link):
    page = mendline.http.get(link)
    assert page.status_code == 200 and repair in page.text
    assert 'enctype="multipart/form-data"' in page.text and 'capture="environment"' in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    # The camera's field stays empty when pictures are chosen.
    answer = mendline.http.post(link, **sent((b"", ""), samples.photo(), samples.PDF))
    assert answer.status_code == 303
    thanks = mendline.http.get(answer.headers["Location"])
    assert "2 files have arrived" in thanks.text
    assert mendline.column("SELECT source FROM files") == ["link", "link"]
    assert len(stored(store)) == 4


def test_the_same_form_sent_twice_is_stored_once(mendline, link):
    for _ in range(2):
        assert mendline.http.post(link, **sent(samples.photo())).status_code == 303
    assert mendline.count("files") == 1


def test_each_bad_file_is_named_and_nothing_is_stored(mendline, store, link):
    files = (samples.photo(), "ok.jpg"), (samples.HTML, "<b>.jpg"), (b"", "none.png")
    page = mendline.http.post(link, **sent(*files))
    assert page.status_code == 415 and "Nothing was stored." in page.text
    assert "&lt;b&gt;.jpg" in page.text and "neither a picture" in page.text
    assert "none.png" in page.text and "This file is empty." in page.text
    assert mendline.count("files") == 0 and stored(store) == []


def test_none_eleven_and_too_much(mendline, store, link):
    assert "at least one" in mendline.http.post(link, **sent((b"", ""))).text
    eleven = mendline.http.post(link, **sent(*[samples.distinct(n) for n in range(11)]))
    assert eleven.status_code == 422 and "at most 10" in eleven.text
    much = mendline.http.post(
        link, content_type="multipart/form-data; boundary=x",
        input_stream=io.BytesIO(b"--x\r\n"), environ_overrides={"CONTENT_LENGTH": "200000000"},
    )  # fmt: skip
    assert much.status_code == 413 and "too large" in much.text
    assert stored(store) == []


def test_wrong_and_expired_links(mendline, link, store):
    past = clock.now() - LIFE - timedelta(seconds=1)
    for path, words in (
        (link[:-1], "opens nothing"),
        ("/files/x", "opens nothing"),
        (links.upload(1, "a", past), "has expired"),
        (links.upload(999, "a", clock.now()), "opens nothing"),
        ("/files/get/x", "opens nothing"),
        (links.download("f" * 32, Size.FULL, past), "has expired"),
        (links.download("f" * 32, Size.FULL, clock.now()), "opens nothing"),
    ):
        page = mendline.http.get(path)
        assert page.status_code == 404 and words in page.text, path
    for path in (link[:-1], links.upload(1, "a", past)):
        assert mendline.http.post(path, **sent(samples.photo())).status_code == 404
    assert mendline.count("files") == 0 and stored(store) == []


def test_a_tracking_page_link_ends_when_the_picture_is_taken_back(mendline, desk, repair):
    upload = sent(samples.photo(), is_public="true")
    key = desk("POST", f"/repairs/{repair}/files", **upload).json["data"][0]["id"]
    path = links.download(key, Size.MEDIUM, clock.now(), is_public=True)
    assert mendline.http.get(path).status_code == 200
    desk("PATCH", f"/files/{key}", json={"is_public": False})
    assert mendline.http.get(path).status_code == 404


def test_twenty_uploads_an_hour_for_each_link(mendline, desk, repair, link):
    answers = [mendline.http.post(link, **sent((b"", ""))).status_code for _ in range(21)]
    assert answers == [422] * 20 + [429]
    other = desk("POST", f"/repairs/{repair}/upload-links").json["url"]
    path = other.removeprefix("http://localhost:8000")
    assert mendline.http.post(path, **sent(samples.photo())).status_code == 303


def test_it_speaks_portuguese(mendline, link):
    page = mendline.http.get(link, headers={"Accept-Language": "pt-PT"})
    assert "Envie-nos fotografias" in page.text and page.headers["Content-Language"] == "pt"
    refused = mendline.http.post(f"{link}?lang=pt", **sent(samples.SVG))
    assert "Nada foi guardado." in refused.text
