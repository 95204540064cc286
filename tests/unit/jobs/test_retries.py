"""The ladder: jitter, the other side's own wish, the end."""

import pytest

from jobs.retries import LONGEST_WAIT, Ladder


@pytest.mark.parametrize(("failures", "rung"), [(1, 5), (2, 30), (9, 86400)])
def test_a_rung_is_waited_with_jitter_and_never_beyond_a_day(failures, rung):
    waits = {Ladder().wait(failures) for _ in range(50)}
    assert len(waits) > 1
    assert all(rung * 0.8 <= wait <= min(rung * 1.2, LONGEST_WAIT) for wait in waits)


def test_the_last_rung_is_the_end():
    assert Ladder().wait(10) is None


def test_a_longer_wish_of_the_other_side_wins():
    assert Ladder().wait(1, asked=90) == 90


def test_a_shorter_wish_does_not_climb_the_ladder_faster():
    assert Ladder().wait(2, asked=1) >= 24


def test_a_wish_is_capped_at_a_day():
    assert Ladder().wait(1, asked=7 * 86400) == LONGEST_WAIT
