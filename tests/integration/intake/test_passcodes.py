"""The passcode box: sealed, every look logged, wiped, and in clear nowhere."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from tests.conftest import libpq
from tests.integration.intake.acts import move

SECRET = "Zebra-7741-lock"


def put(call, ref, kind="password", value=SECRET):
    return call("PUT", f"/repairs/{ref}/passcode", json={"kind": kind, "value": value})


def look(call, ref, reason="Testing the touch screen", **more):
    return call("POST", f"/repairs/{ref}/passcode/look", json={"reason": reason}, **more)


def state(call, ref):
    return call("GET", f"/repairs/{ref}/passcode").json


def found(url: str, words: str) -> list[str]:
    """The tables in which these words stand in clear, in whatever column."""
    places = []
    with psycopg.connect(libpq(url)) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        for (name,) in tables:
            query = sql.SQL("SELECT count(*) FROM {} AS one WHERE position(%s IN one::text) > 0 "
                            "OR position(%s IN one::text) > 0").format(sql.Identifier(name))  # fmt: skip
            # Bytes show as hexadecimal digits.
            (count,) = connection.execute(query, (words, words.encode().hex())).fetchone()
            places += [name] * bool(count)
    return places


def test_the_search_finds_what_is_in_clear(mendline, bench, repair, db):
    bench("PUT", f"/repairs/{repair}/intake", json={"condition_notes": f"x {SECRET} y"})
    assert found(db, SECRET) == ["intakes"]


def test_a_code_is_kept_sealed_and_shown_on_a_logged_look(
    mendline, bench, role, repair, db, capsys
):
    assert state(bench, repair)["has_passcode"] is False
    told = put(bench, repair)
    assert told.status_code == 200 and SECRET not in told.text
    assert (told.json["has_passcode"], told.json["set_by"]) == (True, "a technician")
    assert SECRET not in bench("GET", f"/repairs/{repair}/passcode").text
    shown = look(role("desk"), repair, headers={"Idempotency-Key": "once"})
    assert shown.json == {"kind": "password", "value": SECRET}
    assert shown.headers["Cache-Control"] == "no-store"
    assert mendline.count("idempotency_keys") == 0
    look(bench, repair, "Copying the photos")
    looks = [(one["actor_name"], one["reason"]) for one in state(bench, repair)["looks"]]
    assert looks == [("a technician", "Copying the photos"), ("a desk", "Testing the touch screen")]
    logged = mendline.table("SELECT action, actor_name, target, details->>'reason' FROM audit "
                            "WHERE action LIKE 'passcode.%' ORDER BY id")  # fmt: skip
    assert [tuple(row) for row in logged] == [
        ("passcode.set", "a technician", repair, None),
        ("passcode.look", "a desk", repair, "Testing the touch screen"),
        ("passcode.look", "a technician", repair, "Copying the photos"),
    ]
    assert found(db, SECRET) == []
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err


def test_a_new_code_replaces_the_old_one(bench, repair, db):
    put(bench, repair)
    put(bench, repair, "pattern", "1-2-5-8")
    assert look(bench, repair).json == {"kind": "pattern", "value": "1258"}
    put(bench, repair, "none", "")
    assert look(bench, repair).json == {"kind": "none", "value": ""}
    assert found(db, SECRET) == []


def test_wiped_by_hand_it_is_gone(mendline, bench, repair):
    put(bench, repair)
    assert bench("DELETE", f"/repairs/{repair}/passcode").status_code == 204
    assert bench("DELETE", f"/repairs/{repair}/passcode").status_code == 404
    assert look(bench, repair).status_code == 404
    told = state(bench, repair)
    assert (told["has_passcode"], bool(told["wiped_at"])) == (False, True)
    assert mendline.column("SELECT sealed FROM passcodes") == [None]
    put(bench, repair)
    assert state(bench, repair)["wiped_at"] is None


def test_seven_days_after_the_hand_over_it_is_wiped(mendline, bench, repair):
    (schedule,) = (s for s in mendline.parts.schedules() if s.name == "passcodes.wipe")
    assert schedule.every_seconds <= 3600
    put(bench, repair)
    move(bench, repair, "delivered")

    def pass_days(days: float) -> bool:
        """Whether the code is still there so long after the hand-over."""
        with mendline.units() as uow:
            uow.connection.exec_driver_sql(
                f"UPDATE repairs SET status_at = now() - interval '{days} days'"
            )
        schedule.run()
        return state(bench, repair)["has_passcode"]

    assert pass_days(6.99)
    move(bench, repair, "testing", reason="came back")
    assert pass_days(30)
    move(bench, repair, "delivered")
    assert pass_days(6.99)
    assert not pass_days(7.01)
    assert mendline.column("SELECT sealed FROM passcodes") == [None]
    assert not pass_days(8)
    assert mendline.column("SELECT actor_name FROM audit WHERE action = 'passcode.wipe'") == [
        "Mendline"
    ]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"kind": "pin"}, {"kind": "pin", "value": "12"}, {"kind": "pin", "value": 4821},
        {"kind": "finger", "value": "x"}, {"kind": "password", "value": "x" * 129},
        {"kind": "password", "value": "x" * 10_000}, {"kind": "password", "value": "a\0b"},
        {"kind": "password", "value": "\ud800"}, {"kind": "password", "value": None},
        {"kind": "none", "value": "4821"}, {"kind": "pattern", "value": "1123"},
        {"kind": "pin", "value": "4821", "note": "x"},
    ],
)  # fmt: skip
def test_codes_that_do_not_fit(mendline, bench, repair, body):
    told = bench("PUT", f"/repairs/{repair}/passcode", json=body)
    assert told.status_code == 422 and "4821" not in told.text
    assert mendline.count("passcodes") == 0


@pytest.mark.parametrize("value", ["🙂" * 128, "\u202eabc", "<script>{{ 7*7 }}", " a b "])
def test_strange_codes_come_back_as_they_were(bench, repair, value):
    assert put(bench, repair, value=value).status_code == 200
    assert look(bench, repair).json["value"] == value


@pytest.mark.parametrize("reason", [None, "", "   ", "x" * 501, "a\0b", 7])
def test_no_look_without_a_reason(mendline, bench, repair, reason):
    put(bench, repair)
    assert look(bench, repair, reason).status_code == 422
    assert mendline.count("passcode_looks") == 0


def test_who_may(role, repair):
    assert put(role("desk"), repair).status_code == 200
    for name, allowed in (
        ("viewer", False), ("shop", False), ("technician", True), ("desk", True),
        ("manager", True), ("admin", True),
    ):  # fmt: skip
        call = role(name)
        answers = {call("GET", f"/repairs/{repair}/passcode").status_code,
                   put(call, repair).status_code, look(call, repair).status_code}  # fmt: skip
        assert answers == ({200} if allowed else {403})
        assert (call("DELETE", f"/repairs/{repair}/passcode").status_code == 403) != allowed
        put(role("desk"), repair)
