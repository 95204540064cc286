"""Reading what agents type."""

import pytest

from chatwoot.commands import NotUnderstood, read, read_ref, read_status
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
