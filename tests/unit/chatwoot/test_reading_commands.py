"""Reading what agents type."""

from datetime import date

import pytest

from chatwoot.commands import NotUnderstood, read, read_delay, read_ref, read_status
from crm.core import refs

REF = "RPR-2611-7K3QP"


@pytest.mark.parametrize(
    "text", ["", "!", "ready", "!!ready", "! ready", "see !ready", "!123", "é!ready"]
)
def test_what_is_no_command(text):
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "status", "rest"),
    [
        ("waiting parts from Porto", "waiting_parts", "from Porto"),
        ("WAITING-PARTS", "waiting_parts", ""),
        ("ready pickup", "ready_pickup", ""),
        ("ready now, come by", "ready_pickup", "now, come by"),
        ("testing: all good", "testing", "all good"),
        ("banana", None, "banana"),
        ("", None, ""),
    ],
)
def test_statuses(text, status, rest):
    assert read_status(text) == (status, rest)


@pytest.mark.parametrize("typed", [REF, REF.lower(), REF.replace("-", ""), REF.replace("-", " ")])
def test_references_are_read_forgivingly(typed):
    assert read_ref(f"{typed} testing now") == (REF, "testing now")
    assert read_ref(typed) == (REF, "")


def test_a_slip_in_a_reference_is_told_not_passed_over():
    sign = next(sign for sign in refs.SIGNS if sign != REF[-1])
    for typed in (REF[:-1] + sign, REF[:-1], REF + "X", "RPR", "rpr-"):
        with pytest.raises(NotUnderstood):
            read_ref(f"{typed} testing")
    assert read_ref("testing the glass") == (None, "testing the glass")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-12-04 part late", (date(2026, 12, 4), "part_late", "")),
        ("+3d more-damage: the frame too", (3, "more_damage", "the frame too")),
        ("+12D", (12, "other", "")),
        ("bench full", (None, "bench_full", "")),
        ("the dog ate it", (None, "other", "the dog ate it")),
        ("", (None, "other", "")),
        ("other " + "x" * 5000, (None, "other", "x" * 1000)),
    ],
)
def test_delays(text, wanted):
    assert read_delay(text) == wanted


@pytest.mark.parametrize("text", ["2026-13-01", "2026-2-1", "+d", "+3 days", "+9999d", "4.12.2026"])
def test_a_slip_in_a_day_is_told_not_passed_over(text):
    with pytest.raises(NotUnderstood):
        read_delay(text)
