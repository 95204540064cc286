"""Links open what they were made for, until they end."""

from datetime import UTC, datetime, timedelta

import pytest

from crm.core.errors import NotFound
from crm.files.links import LIFE, FileLinks, qr_code
from crm.files.rules import Size

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
KEY = "k3y-for-tests-that-is-long-enough-0123456789"
links = FileLinks("https://repair.example", (KEY,))


def token(url: str) -> str:
    return url.rsplit("/", 1)[1]


def test_an_upload_link_works_for_72_hours():
    url = links.upload(7, "abc", NOW)
    assert url.startswith("https://repair.example/files/")
    opened = links.read_upload(token(url), NOW + LIFE - timedelta(seconds=1))
    assert (opened.repair_id, opened.id) == (7, "abc")
    with pytest.raises(NotFound) as closed:
        links.read_upload(token(url), NOW + timedelta(hours=72))
    assert closed.value.code == "link-expired"


def test_one_purpose_does_not_open_another():
    up, down = links.upload(7, "abc", NOW), links.download("f" * 32, Size.SMALL, NOW)
    for read, wrong in ((links.read_upload, down), (links.read_download, up)):
        with pytest.raises(NotFound) as closed:
            read(token(wrong), NOW)
        assert closed.value.code == "no-such-link"


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: "x" + t, lambda t: "", lambda t: "é"]
)
def test_a_changed_token_opens_nothing(change):
    with pytest.raises(NotFound) as closed:
        links.read_upload(change(token(links.upload(7, "abc", NOW))), NOW)
    assert closed.value.code == "no-such-link"


def test_older_keys_still_open_and_foreign_ones_do_not():
    url = links.upload(7, "abc", NOW)
    assert FileLinks("https://repair.example", ("n" * 40, KEY)).read_upload(token(url), NOW)
    with pytest.raises(NotFound):
        FileLinks("https://repair.example", ("n" * 40,)).read_upload(token(url), NOW)


def test_a_qr_code_is_a_picture_without_an_outside_address():
    assert qr_code(links.upload(7, "abc", NOW)).startswith("data:image/svg+xml")
