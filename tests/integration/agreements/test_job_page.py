"""The page of a job in the admin: where it lies, the code to sign by, who collects."""

from __future__ import annotations

import re

import pytest

from crm.core.events import SYSTEM
from crm.staff import service as staff
from tests.integration.agreements.conftest import asked, signs


@pytest.fixture
def send(signed_in, repair):
    """Send one of the page's forms as the browser does."""

    def post(what: str, headers: dict[str, str] | None = None, **typed: str):
        page = signed_in.get(f"/admin/repairs/{repair}").text
        token = re.search(r'name="csrf_token" value="(\w+)"', page)[1]
        return signed_in.post(
            f"/admin/repairs/{repair}/{what}",
            data={"csrf_token": token, **typed},
            headers=headers,
        )

    return post


def test_a_device_is_put_somewhere_and_found(signed_in, repair, send):
    assert send("place", place="Shelf A3").status_code == 303
    assert "Shelf A3" in signed_in.get(f"/admin/repairs/{repair}").text
    assert repair in signed_in.get("/admin/repairs?q=shelf").text
    assert "Nothing fits." in signed_in.get("/admin/repairs?q=bench").text
    assert send("place", place="x" * 41).status_code == 422


def test_the_desk_shows_a_code_that_the_customer_signs_by(mendline, signed_in, repair, send):
    page = send("agreements", purpose="drop_off").text
    assert "data:image/svg+xml" in page
    path = re.search(r"/sign/[^\"]+", page)[0]
    assert signs(mendline, path, name="<b>Ilse").status_code == 303
    page = signed_in.get(f"/admin/repairs/{repair}").text
    assert "signed by <bdi>&lt;b&gt;Ilse</bdi>" in page and "Who collects?" in page
    assert send("agreements", purpose="drop_off").status_code == 409
    assert send("agreements", purpose="other").status_code == 422


def test_a_reason_is_kept_as_proof(mendline, desk, signed_in, repair, send):
    def told(what: str, **typed: str) -> str:
        return send(what, headers={"Accept": "text/html"}, **typed).text

    asked(desk, repair, send=True)
    assert send("collection").status_code == 422
    assert "A proof is missing" in told("collection")
    assert send("collection", code="1", seen="known").status_code == 422
    assert send("collection", code="123456").status_code == 409  # not ready yet
    assert "There is no code yet" in told("collection", code="123456")
    assert send("collection", seen="Known to all of us").status_code == 303
    assert mendline.column("SELECT reason FROM collection_proofs") == ["Known to all of us"]
    assert "Who collects?" not in signed_in.get(f"/admin/repairs/{repair}").text


def test_forms_need_the_session_and_its_token(mendline, signed_in, repair):
    forms = {"place": {"place": "A"}, "agreements": {"purpose": "drop_off"},
             "collection": {"seen": "known"}}  # fmt: skip
    for what, typed in forms.items():
        path = f"/admin/repairs/{repair}/{what}"
        assert signed_in.post(path, data=typed).status_code == 403
        assert mendline.http.post(path, data=typed).status_code == 401
    assert mendline.http.get("/admin/repairs").status_code == 401
    assert mendline.count("agreements") == mendline.count("collection_proofs") == 0


def test_a_viewer_looks_and_changes_nothing(session_of, repair):
    viewer = session_of("viewer")
    page = viewer.get(f"/admin/repairs/{repair}")
    assert page.status_code == 200 and "Screen cracked" in page.text
    assert f"/admin/repairs/{repair}/" not in page.text  # no form of the page


def test_a_shop_system_sees_its_own_job_only(mendline, repair):
    with mendline.units() as uow:
        key = staff.create_key(uow, mendline.parts.seal, SYSTEM, name="till", role="shop").key
    headers = {"Authorization": f"Bearer {key}"}
    assert mendline.http.get(f"/admin/repairs/{repair}", headers=headers).status_code == 404
    assert repair not in mendline.http.get("/admin/repairs", headers=headers).text
