"""When something is due about a device that nobody collects."""

from datetime import date

import pytest

from crm.unclaimed import rules

STEPS = rules.rules().steps


def names(steps) -> list[str]:
    return [step.name for step in steps]


def test_the_data_holds_what_is_promised():
    assert names(STEPS) == ["reminder_3", "reminder_10", "reminder_30", "storage"]
    assert rules.rules().tell_from < rules.rules().tell_until


@pytest.mark.parametrize(
    ("days", "done", "due", "skipped"),
    [
        (2, [], [], []),
        (3, [], ["reminder_3"], []),
        (9, ["reminder_3"], [], []),
        (10, ["reminder_3"], ["reminder_10"], []),
        (12, [], ["reminder_10"], ["reminder_3"]),
        (45, [], ["reminder_30", "storage"], ["reminder_3", "reminder_10"]),
        (45, ["reminder_3", "reminder_10", "reminder_30"], ["storage"], []),
        (400, names(STEPS), [], []),
    ],
)
def test_each_step_once_and_of_reminders_the_latest(days, done, due, skipped):
    found = rules.due(days, done, STEPS)
    assert (names(found.steps), names(found.skipped)) == (due, skipped)


def test_days_on_hold_do_not_count():
    holds = [(date(2026, 3, 28), date(2026, 3, 30)), (date(2026, 4, 1), date(2026, 4, 1))]
    assert rules.days_waiting(date(2026, 3, 27), date(2026, 4, 6), holds) == 8


@pytest.mark.parametrize(
    ("days", "done", "name"),
    [(0, [], "reminder_3"), (5, ["reminder_3"], "reminder_10"), (3, [], "reminder_3")],
)
def test_what_comes_next(days, done, name):
    assert rules.following(days, done, STEPS).name == name


def test_after_the_last_step_nothing_comes():
    assert rules.following(90, names(STEPS), STEPS) is None
