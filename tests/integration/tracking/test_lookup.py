"""A typed reference, on the page and through the API: forgiving, the state alone, no guessing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crm.core.refs import check_sign
from crm.repairs import service as repairs
from crm.repairs.service import Address
from crm.repairs.statuses import RepairFlag
from tests.integration.tracking.conftest import TILL, Tracked

TODAY = datetime.now(UTC).date()
API = "/api/v1/repairs/track"
HOSTILE = [
    "RPR", "x", "x" * 40, "x" * 41, "<script>alert(1)</script>", "{{ 7 * 7 }}", "📱" * 10,
    "‮RPR-2611-7K3QD", "'; DROP TABLE repairs; --", "../../x",
]  # fmt: skip


def typed(ref: str) -> list[str]:
    """How people copy a reference."""
    bare = ref.removeprefix("RPR-")
    return [
        ref, ref.lower(), bare, bare.replace("-", ""), f"  {ref.replace('-', ' ')} ",
        ref.replace("0", "O").replace("1", "l"), ref.replace("-", "–"),
    ]  # fmt: skip


@pytest.mark.parametrize("way", range(7))
def test_a_reference_is_read_as_people_type_it(mendline, tracked, way):
    how = typed(tracked.ref)[way]
    page = mendline.http.post("/track", data={"ref": how})
    answer = mendline.http.post(API, json={"ref": how})
    assert (page.status_code, answer.status_code) == (200, 200)
    assert "Received" in page.text
    assert answer.json["ref"] == tracked.ref


def test_it_tells_the_state_alone(mendline):
    tracked = Tracked(
        mendline, device="Mrs Harker's iPhone", problem="broken heart", technician="Sam",
        estimated_on=TODAY + timedelta(days=3), note="call 0151 496 0000",
    )  # fmt: skip
    with mendline.units() as uow:
        repairs.set_flags(uow, Address(ref=tracked.ref), [RepairFlag.AWAITING_APPROVAL], TILL)

    page = mendline.http.post("/track", data={"ref": tracked.ref}).text
    answer = mendline.http.post(API, json={"ref": tracked.ref}).json

    assert set(answer) == {
        "ref", "status", "flags", "expected_from", "expected_until", "is_overdue", "updated_at",
    }  # fmt: skip
    assert answer["flags"] == ["awaiting_approval"]
    assert answer["expected_until"] == (TODAY + timedelta(days=3)).isoformat()
    assert "We need your decision" in page and "Expected to be ready" in page
    for secret in ("Harker", "heart", "Sam", "0151", tracked.path):
        assert secret not in page and secret not in str(answer)


def test_wrong_and_unknown_are_the_same(mendline, tracked):
    unknown = "RPR-2611-7K3Q" + check_sign("26117K3Q")
    slip = tracked.ref[:-1] + ("2" if tracked.ref[-1] != "2" else "3")
    pages = [mendline.http.post("/track", data={"ref": one}) for one in (unknown, slip)]
    answers = [mendline.http.post(API, json={"ref": one}) for one in (unknown, slip)]

    assert {answer.status_code for answer in pages + answers} == {404}
    shown = {page.text.replace(one, "…") for page, one in zip(pages, (unknown, slip), strict=True)}
    assert len(shown) == 1
    assert "We find no repair" in shown.pop()
    assert len({str(a.json | {"instance": ""}) for a in answers}) == 1


@pytest.mark.parametrize("ref", HOSTILE)
def test_hostile_references_find_nothing(mendline, ref):
    page = mendline.http.post("/track", data={"ref": ref})
    assert page.status_code == 404
    assert "<script>" not in page.text and "49" not in page.text
    assert mendline.http.post(API, json={"ref": ref}).status_code in (404, 422)


def test_nothing_at_all_and_too_much(mendline):
    assert mendline.http.post("/track", data={}).status_code == 404
    assert mendline.http.post("/track", data={"ref": "x" * 10_000}).status_code == 404
    assert mendline.http.post("/track", data={"ref": "a\0b"}).status_code == 404
    for body in ({}, {"ref": ""}, {"ref": "x" * 10_000}, {"ref": 7}, {"ref": "x", "name": "y"}):
        assert mendline.http.post(API, json=body).status_code == 422


def test_trying_is_limited_and_page_and_api_count_together(mendline, tracked):
    for number in range(5):
        assert mendline.http.post("/track", data={"ref": f"x{number}"}).status_code == 404
        assert mendline.http.post(API, json={"ref": f"x{number}"}).status_code == 404
    assert mendline.http.post("/track", data={"ref": tracked.ref}).status_code == 429
    assert mendline.http.post(API, json={"ref": tracked.ref}).status_code == 429
    assert mendline.http.get("/track").status_code == 200


def test_the_form_may_come_filled_in(mendline):
    assert 'value="RPR-2611-7K3QD"' in mendline.http.get("/track?ref=RPR-2611-7K3QD").text
    assert "<script>" not in mendline.http.get('/track?ref="><script>').text
