"""Checklists hold a repair up, whoever moves it; a shop system reports facts."""

from __future__ import annotations

import pytest

from tests.integration.intake.acts import answer, move

GATE = "checklist-incomplete"


def opened(call, ref, device_class="phone"):
    made = call("POST", f"/repairs/{ref}/checklist", json={"device_class": device_class})
    assert made.status_code == 201, made.text
    return made.json


def test_without_an_intake_nothing_is_asked(bench, repair):
    assert bench("GET", f"/repairs/{repair}/checklist").status_code == 404
    for status in ("diagnosing", "ready_pickup", "delivered"):
        assert move(bench, repair, status).json["outcome"] == "moved"


def test_each_stage_holds_its_statuses(mendline, bench, repair):
    asked = opened(bench, repair)
    refused = move(bench, repair, "diagnosing")
    assert (refused.status_code, refused.json["code"]) == (409, GATE)
    assert "It charges" in refused.json["detail"] and list(refused.json["errors"]) == ["before"]
    assert len(refused.json["errors"]["before"]) == len(asked["stages"][0]["items"])
    assert move(bench, repair, "delivered").json["errors"].keys() == {"before", "after"}
    assert mendline.count("repair_history") == 1
    done = answer(bench, repair, "before", "not_testable").json["stages"]
    assert [one["is_complete"] for one in done] == [True, False]
    for status in ("diagnosing", "repairing", "completed"):
        assert move(bench, repair, status).status_code == 201
    assert list(move(bench, repair, "ready_pickup").json["errors"]) == ["after"]
    assert answer(bench, repair, "after").status_code == 200
    for status in ("ready_pickup", "delivered"):
        assert move(bench, repair, status).status_code == 201
    kinds = mendline.column("SELECT data->>'stage' FROM events WHERE kind = 'checklist.finished'")
    assert kinds == ["before", "after"]


def test_one_open_question_is_enough(bench, repair):
    items = opened(bench, repair)["stages"][0]["items"]
    body = [{"stage": "before", "slug": one["slug"], "result": "ok"} for one in items[1:]]
    bench("PATCH", f"/repairs/{repair}/checklist", json={"items": body})
    refused = move(bench, repair, "repairing").json
    assert refused["errors"] == {"before": [items[0]["words"]["en"]]}


def test_going_back_needs_no_answers(bench, repair):
    assert move(bench, repair, "testing").status_code == 201
    opened(bench, repair)
    back = move(bench, repair, "diagnosing", reason="fault is back")
    assert back.json["outcome"] == "corrected"
    assert move(bench, repair, "repairing").json["code"] == GATE


def test_answers_say_who_and_when_and_may_be_changed(bench, role, repair):
    opened(bench, repair)
    item = {"stage": "before", "slug": "touch", "result": "ok"}
    bench("PATCH", f"/repairs/{repair}/checklist", json={"items": [item]})
    words = {"result": "not_ok", "note": "Dead corner 🙂 <script>{{"}
    told = role("desk")("PATCH", f"/repairs/{repair}/checklist", json={"items": [item | words]})
    shown = next(one for one in told.json["stages"][0]["items"] if one["slug"] == "touch")
    assert {**shown, **words} == shown
    assert shown["answered_by"] == "a desk" and shown["answered_at"]
    assert shown["words"]["pt"].startswith("O toque")


@pytest.mark.parametrize(
    "items",
    [
        [], [{"stage": "before", "slug": "touch"}], None, "x", [{}],
        [{"stage": "before", "slug": "nose", "result": "ok"}],
        [{"stage": "later", "slug": "touch", "result": "ok"}],
        [{"stage": "before", "slug": "touch", "result": "fine"}],
        [{"stage": "before", "slug": "touch", "result": "ok", "note": "x" * 501}],
        [{"stage": "before", "slug": "touch", "result": "ok", "note": "a\0"}],
        [{"stage": "before", "slug": "touch", "result": "ok"}] * 2,
        [{"stage": "before", "slug": "touch", "result": "ok"},
         {"stage": "before", "slug": "nose", "result": "ok"}],
        [{"stage": "before", "slug": "x" * 10_000, "result": "ok"}],
    ],
)  # fmt: skip
def test_answers_that_do_not_fit_change_nothing(mendline, bench, repair, items):
    opened(bench, repair)
    told = bench("PATCH", f"/repairs/{repair}/checklist", json={"items": items})
    assert told.status_code == 422, told.text
    assert mendline.count("checklist_items", "result IS NOT NULL") == 0


def test_an_opened_checklist_keeps_its_words(mendline, bench, repair):
    opened(bench, repair)
    with mendline.units() as uow:
        uow.connection.exec_driver_sql(
            """UPDATE checklist_items SET words = '{"en": "Old words", "pt": "Antigas"}'
               WHERE slug = 'touch'"""
        )
    again = opened(bench, repair)["stages"][0]
    assert next(i for i in again["items"] if i["slug"] == "touch")["words"]["en"] == "Old words"
    assert again["version"] >= 1


def test_a_manager_waives_with_a_reason(mendline, bench, role, repair):
    opened(bench, repair)
    body = {"stage": "before", "reason": "Device is dead, nothing to test"}
    path = f"/repairs/{repair}/checklist/waivers"
    assert bench("POST", path, json=body).status_code == 403
    assert role("desk")("POST", path, json=body).status_code == 403
    manager = role("manager")
    for reason in ("", "  ", "x" * 501, None):
        assert manager("POST", path, json=body | {"reason": reason}).status_code == 422
    told = manager("POST", path, json=body)
    assert told.json["stages"][0]["waived_because"] == body["reason"]
    assert manager("POST", path, json=body).json["code"] == "checklist-waived"
    assert move(bench, repair, "diagnosing").status_code == 201
    assert list(move(bench, repair, "ready_pickup").json["errors"]) == ["after"]
    logged = mendline.table("SELECT actor_name, action, target, details FROM audit "
                            "WHERE action = 'checklist.waive'")  # fmt: skip
    assert [tuple(row) for row in logged] == [("a manager", "checklist.waive", repair, body)]


def test_a_shop_system_is_believed_and_staff_are_told_once(mendline, role, bench, thread):
    number, _ = thread
    till = role("shop")
    ticket = mendline.one("SELECT ref FROM tickets")
    body = {"device": "Pixel 8", "external_id": "A-1", "ticket": ticket}
    ref = till("POST", "/repairs", json=body).json["ref"]
    opened(bench, ref)
    assert till("GET", f"/repairs/{ref}/checklist").status_code == 403
    for status in ("diagnosing", "repairing", "testing"):
        assert move(till, ref, status).json["outcome"] == "moved"
    mendline.settle()
    skipped = [
        note for note in mendline.notes(number) if "checklist before the work was skipped" in note
    ]
    assert len(skipped) == 1 and "It charges" in skipped[0]
    answer(bench, ref, "before")
    assert move(till, ref, "delivered").json["outcome"] == "moved"
    mendline.settle()
    stages = mendline.column(
        "SELECT details->>'stage' FROM repair_history WHERE outcome = 'checklist_skipped'"
    )
    assert stages == ["before", "after"]
    assert mendline.unfinished() == []


def test_a_shop_webhook_is_believed_too(mendline, bench):
    key = mendline.shop_key()
    mendline.report(key, "repair.created", external_id="B-2", device="Pixel 8")
    mendline.settle()
    ref = mendline.one("SELECT ref FROM repairs")
    opened(bench, ref)
    mendline.report(key, "repair.status_changed", external_id="B-2", status="ready_pickup")
    mendline.settle()
    assert mendline.one("SELECT status FROM repairs") == "ready_pickup"
    assert mendline.count("repair_history", "outcome = 'checklist_skipped'") == 2
    assert mendline.unfinished() == []


def test_an_agent_is_answered_by_a_note(mendline, bench, thread):
    number, ref = thread
    opened(bench, ref)
    before, told = len(mendline.notes(number)), len(mendline.told(number))
    mendline.agent(number, "!status diagnosing", private=True)
    mendline.settle()
    (note,) = mendline.notes(number)[before:]
    assert note.startswith("Nothing was changed") and "It charges" in note
    assert mendline.one("SELECT status FROM repairs") == "received"
    answer(bench, ref, "before")
    mendline.agent(number, "!status diagnosing", private=True)
    mendline.settle()
    assert mendline.one("SELECT status FROM repairs") == "diagnosing"
    assert len(mendline.told(number)) == told + 1


def test_a_label_is_answered_by_a_note_and_put_right(mendline, bench, thread):
    number, ref = thread
    opened(bench, ref)
    mendline.play("POST", f"/conversations/{number}/labels", labels=["repair-diagnosing"])
    mendline.settle()
    assert any("Nothing was changed" in note and "It charges" in note
               for note in mendline.notes(number))  # fmt: skip
    assert mendline.one("SELECT status FROM repairs") == "received"
    assert "repair-diagnosing" not in mendline.thread(number)["labels"]
    assert mendline.unfinished() == []
