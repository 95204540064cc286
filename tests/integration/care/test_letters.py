"""Letters about a device nobody collects: their order, their clocks, their proof, their paper."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pypdfium2
import pytest

from crm.bookings import opening
from tests.integration.care.test_unclaimed import flags, go_round, ready_since
from tests.integration.intake.acts import move

TODAY = datetime.now(UTC).date


@pytest.fixture
def stored(mendline, bench, thread):
    """Reference of a repair that went into storage 45 days after it was ready."""
    _, ref = thread
    assert move(bench, ref, "ready_pickup").status_code == 201
    mendline.settle()
    with mendline.units() as uow:
        opening.furnish(uow, "Quay Phones", "Europe/London")
        uow.connection.exec_driver_sql("UPDATE locations SET address = E'1 Quay\\nPorthaven'")
    ready_since(mendline, ref, 45)
    assert go_round(mendline) == 1
    return ref


def send(desk, ref, step="notice_to_collect", **changes):
    body = {"how": "post", "sent_on": TODAY().isoformat()} | changes
    return desk("POST", f"/repairs/{ref}/letters/{step}", json=body)


def sale(**changes):
    far = (TODAY() + timedelta(days=150)).isoformat()
    return {"how": "recorded_post", "reference": "RD 1", "sell_on": far} | changes


def words(answer) -> str:
    page = pypdfium2.PdfDocument(answer.data)[0]
    return " ".join(page.get_textpage().get_text_bounded().split())


def back_date(mendline, days: int) -> None:
    with mendline.units() as uow:
        uow.connection.exec_driver_sql(
            "UPDATE unclaimed_letters SET sent_on = sent_on - %s", (days,)
        )


def test_the_steps_follow_each_other(mendline, desk, stored):
    def following():
        return desk("GET", "/unclaimed").json["data"][0]["next"]

    assert following() == {"step": "notice_to_collect", "day": None, "on": TODAY().isoformat()}
    early = send(desk, stored, "notice_of_sale", **sale())
    assert (early.status_code, early.json["code"]) == (409, "letter-too-early")
    assert (TODAY() + timedelta(days=14)).isoformat() in early.json["detail"]
    assert desk("GET", f"/repairs/{stored}/letters/notice_of_sale.pdf").status_code == 409

    assert send(desk, stored).status_code == 201
    assert send(desk, stored).json["code"] == "letter-sent"
    assert following()["on"] == (TODAY() + timedelta(days=14)).isoformat()
    early = send(desk, stored, "notice_of_sale", **sale())
    assert (TODAY() + timedelta(days=14)).isoformat() in early.json["detail"]

    back_date(mendline, 14)
    path = f"/repairs/{stored}/letters/notice_of_sale.pdf"
    before = desk("GET", path)
    assert before.status_code == 200 and before.data == desk("GET", path).data
    told = send(desk, stored, "notice_of_sale", **sale())
    assert told.status_code == 201
    assert following() == {"step": "sale", "day": None, "on": sale()["sell_on"]}
    copy = words(desk("GET", path))
    assert f"{TODAY() + timedelta(days=150):%Y}" in copy and "Schedule 1" in copy


def test_the_notice_of_sale_has_its_own_clock_and_way(mendline, desk, stored):
    send(desk, stored)
    back_date(mendline, 14)
    soon = (TODAY() + timedelta(days=60)).isoformat()
    for changes, field in (
        ({"sell_on": soon}, "sell_on"), ({"sell_on": None}, "sell_on"),
        ({"how": "post"}, "how"), ({"how": "email"}, "how"), ({"reference": " "}, "reference"),
        ({"sent_on": (TODAY() + timedelta(days=1)).isoformat()}, "sent_on"),
    ):  # fmt: skip
        refused = send(desk, stored, "notice_of_sale", **sale(**changes))
        assert refused.status_code == 422 and field in refused.json["errors"], changes


def test_before_storage_it_is_refused_with_the_day(mendline, desk, bench, thread):
    ref = thread[1]
    assert send(desk, ref).json["code"] == "not-waiting"
    move(bench, ref, "ready_pickup")
    ready_since(mendline, ref, 10)
    refused = send(desk, ref)
    assert refused.json["code"] == "letter-too-early"
    assert (TODAY() + timedelta(days=20)).isoformat() in refused.json["detail"]


def test_on_hold_no_letter_goes_out(mendline, desk, stored):
    flags(mendline, stored, "on_hold")
    assert send(desk, stored).json["code"] == "on-hold"
    assert desk("GET", "/unclaimed").json["data"][0]["next"]["on"] is None


def test_the_paper_names_both_sides(mendline, desk, stored):
    with mendline.units() as uow:
        uow.connection.exec_driver_sql("UPDATE repairs SET device = '{0} <b>Pixel</b> 🎉'")
    answer = desk("GET", f"/repairs/{stored}/letters/notice_to_collect.pdf")
    assert answer.mimetype == "application/pdf"
    said = words(answer)
    assert all(one in said for one in ("1 Quay", "Porthaven", stored, "{0} <b>Pixel</b> □"))
    assert "within 14 days" in said and "No invoice has been made out" in said


def test_without_an_address_of_the_shop_there_is_no_letter(mendline, desk, stored):
    with mendline.units() as uow:
        uow.connection.exec_driver_sql("UPDATE locations SET address = ''")
    refused = desk("GET", f"/repairs/{stored}/letters/notice_to_collect.pdf")
    assert refused.json["code"] == "shop-address-missing"


def test_it_is_in_the_history_and_the_audit(mendline, desk, stored):
    assert send(desk, stored, reference="private").status_code == 201
    (details,) = mendline.table(
        "SELECT details::text FROM repair_history WHERE outcome = 'letter_sent'"
    )
    assert "notice_to_collect" in details[0] and "private" not in details[0]
    assert len(mendline.table("SELECT id FROM audit WHERE action = 'letter.send'")) == 1


def test_hostile_values_and_strangers(desk, role, stored):
    for bad in ("x" * 10_000, "a\x00b"):
        assert send(desk, stored, reference=bad).status_code == 422
    assert send(desk, stored, extra=1).status_code == 422
    assert send(desk, stored, step="{{x}}").status_code == 404
    for word in ("🎉", "‮abc", "<script>", "{{x}}"):
        assert send(desk, stored, how=word).status_code == 422
    assert (
        role("shop")("GET", f"/repairs/{stored}/letters/notice_to_collect.pdf").status_code == 403
    )
