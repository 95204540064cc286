"""What news of a status does to a repair (reliability.md, rule 7)."""

from datetime import UTC, datetime, timedelta

import pytest

from crm.core.errors import Conflict
from crm.repairs.rules import Outcome, Standing, judge
from crm.repairs.statuses import RepairStatus

THEN = datetime(2026, 5, 1, tzinfo=UTC)
TESTING = Standing(RepairStatus.TESTING, 5, THEN)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("to", "version", "at", "outcome"),
    [
        ("completed", None, None, Outcome.MOVED),
        ("completed", 6, THEN + DAY, Outcome.MOVED),
        ("completed", 6, THEN - DAY, Outcome.MOVED),  # a slow clock, but it counts
        ("delivered", 6, None, Outcome.MOVED),
        ("completed", 5, None, Outcome.LATE),
        ("completed", 4, THEN + DAY, Outcome.LATE),
        ("completed", None, THEN - DAY, Outcome.LATE),
        ("testing", None, None, Outcome.REPEATED),
        ("testing", 5, None, Outcome.REPEATED),
        ("testing", 9, THEN - DAY, Outcome.REPEATED),
        ("repairing", None, None, Outcome.LATE),
        ("repairing", 9, THEN + DAY, Outcome.LATE),
    ],
)
def test_a_shop_system_never_goes_back(to, version, at, outcome):
    news = {"version": version, "occurred_at": at, "by_staff": False, "reason": "because"}
    assert judge(TESTING, RepairStatus(to), **news) is outcome


def test_staff_go_back_with_a_reason():
    news = {"version": None, "occurred_at": None, "by_staff": True}
    assert judge(TESTING, RepairStatus.RECEIVED, reason="mixed up", **news) is Outcome.CORRECTED
    with pytest.raises(Conflict) as refused:
        judge(TESTING, RepairStatus.RECEIVED, reason=None, **news)
    assert refused.value.code == "reason-needed"
