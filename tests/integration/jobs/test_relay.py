"""Outbox rows: what becomes of a row for each answer of the other side."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from chatwoot.http import Wire
from crm.core import outbox
from crm.core.errors import Denied, Permanent, Temporary, Uncertain
from crm.core.outbox import OutboxRow
from crm.core.uow import refuse_inside_unit
from jobs import destinations, leases
from jobs.leases import MOST_ERRORS, MOST_LOST_LEASES
from tests.integration.jobs.conftest import HOUR, SETTLE


def state(floor, row_id):
    return floor.row("outbox", row_id).state


def test_a_send_is_leased_before_the_call_and_settled_after_it(floor):
    seen = []
    row_id = floor.owe("a")
    floor.deliverer.answers = [lambda effect: seen.append((state(floor, row_id), effect.context))]
    assert floor.relay.run(row_id) is None
    assert seen == [("sending", {"after_id": 7})]
    row = floor.row("outbox", row_id)
    assert (row.state, row.result, row.attempts) == ("done", {"sent": "a"}, 1)
    assert row.lease_token is None and row.done_at is not None
    assert floor.deliverer.told == [("done", "a")]
    floor.relay.run(row_id)
    assert floor.deliverer.calls == [("deliver", "a")]


def test_an_effect_key_is_owed_once(floor):
    assert floor.owe("a") is not None
    assert floor.owe("a") is None


def test_a_lane_goes_in_order_one_at_a_time(floor):
    first, second, elsewhere = floor.owe("a"), floor.owe("b"), floor.owe("c", lane="other")
    assert floor.relay.run(second) is None
    assert state(floor, second) == "pending"

    def meanwhile(effect):
        assert floor.relay.run(second) is None
        floor.relay.run(elsewhere)

    floor.deliverer.answers = [meanwhile]
    assert floor.relay.run(first) == second
    floor.relay.run(second)
    assert [key for _, key in floor.deliverer.calls] == ["a", "c", "b"]


def test_a_held_row_does_not_block_its_lane(floor):
    held = floor.owe("held", hold=HOUR)
    after = floor.owe("after")
    floor.relay.run(held)
    floor.relay.run(after)
    assert (state(floor, held), state(floor, after)) == ("pending", "done")


def test_a_hold_that_is_released_goes_before_what_is_owed_after_it(floor, rung):
    held = floor.owe("held", hold=HOUR)
    rung.clear()
    with floor.units() as uow:
        assert outbox.release(uow, "held")
        after = outbox.send(uow, "shop.note", "after", {}, lane="lane")
    assert rung == [([], [held, after])]
    assert floor.relay.run(after) is None
    assert floor.relay.run(held) == after
    floor.relay.run(after)
    assert [key for _, key in floor.deliverer.calls] == ["held", "after"]
    with floor.units() as uow:
        assert not outbox.release(uow, "held")


def test_a_row_that_waits_for_its_destination_is_not_passed_over(floor):
    first, second = floor.owe("first"), floor.owe("second")
    with floor.units() as uow:
        destinations.failed(uow, "shop", "down")
        destinations.close(uow, "shop", "breaker: down", 30)
    floor.relay.run(first)
    assert floor.row("outbox", first).wait > 1
    with floor.units() as uow:
        destinations.worked(uow, "shop")
    assert floor.relay.run(second) is None
    assert floor.deliverer.calls == []
    floor.make_due("outbox", first)
    assert floor.relay.run(first) == second


def test_a_postponed_row_waits_without_cost_and_lets_its_lane_pass(floor):
    first, second = floor.owe("a"), floor.owe("b")
    floor.deliverer.answers = [Temporary("busy")]
    floor.relay.run(first)
    floor.make_due("outbox", first)
    floor.deliverer.postponed = datetime.now(UTC) + HOUR
    assert floor.relay.run(first) is None
    row = floor.row("outbox", first)
    assert (row.state, row.attempts) == ("pending", 1) and 3590 < row.wait <= 3601
    floor.deliverer.postponed = None
    floor.relay.run(second)
    assert (state(floor, first), state(floor, second)) == ("pending", "done")
    floor.change("outbox", first, "held_until = clock_timestamp(), due_at = clock_timestamp()")
    floor.relay.run(first)
    assert state(floor, first) == "done"


def test_a_postponed_row_that_was_never_tried_can_be_taken_back(floor):
    row_id = floor.owe("a")
    floor.deliverer.postponed = datetime.now(UTC) + HOUR
    floor.relay.run(row_id)
    with floor.units() as uow:
        assert outbox.cancel(uow, "a", "taken back")


def test_a_doubt_is_looked_up_at_any_hour(floor):
    row_id = floor.owe("a")
    floor.deliverer.answers, floor.deliverer.found = [Uncertain("500")], [None]
    floor.relay.run(row_id)
    floor.make_due("outbox", row_id)
    floor.deliverer.postponed = datetime.now(UTC) + HOUR
    for _ in range(2):
        floor.relay.run(row_id)
    assert floor.deliverer.calls == [("deliver", "a"), ("look_up", "a")]
    assert floor.row("outbox", row_id).wait > 3590


def test_a_tried_row_blocks_its_lane_until_it_is_dead(floor):
    first, second = floor.owe("a"), floor.owe("b")
    floor.deliverer.answers = [Temporary("busy"), Permanent("refused")]
    floor.relay.run(first)
    floor.relay.run(second)
    assert state(floor, second) == "pending"
    floor.make_due("outbox", first)
    assert floor.relay.run(first) == second
    assert state(floor, first) == "dead"
    floor.relay.run(second)
    assert state(floor, second) == "done"
    assert floor.deliverer.told == [("dead", "a"), ("done", "b")]


def test_temporary_faults_climb_the_ladder_to_its_end(floor):
    row_id = floor.owe("a")
    floor.deliverer.answers = [Temporary("busy") for _ in range(4)]
    for rung in (5, 30, 120):
        floor.relay.run(row_id)
        row = floor.row("outbox", row_id)
        assert row.state == "pending" and rung * 0.75 <= row.wait <= rung * 1.2
        floor.make_due("outbox", row_id)
    floor.relay.run(row_id)
    row = floor.row("outbox", row_id)
    assert row.state == "dead" and row.reason.startswith("gave up after 4 tries")
    assert floor.deliverer.told == [("dead", "a")]


@pytest.mark.parametrize(("asked", "least", "most"), [(90, 89, 90), (9e6, 86390, 86400), (0, 3, 6)])
def test_a_longer_retry_after_wins_and_is_capped_at_a_day(floor, asked, least, most):
    row_id = floor.owe("a")
    floor.deliverer.answers = [Temporary("429", after=asked)]
    floor.relay.run(row_id)
    assert least <= floor.row("outbox", row_id).wait <= most


def test_a_full_rate_bucket_costs_no_attempt(floor):
    row_id = floor.owe("a")
    floor.deliverer.answers = [Temporary("rate", after=2, costs_attempt=False)]
    floor.relay.run(row_id)
    row = floor.row("outbox", row_id)
    assert (row.state, row.attempts) == ("pending", 0) and row.wait <= 2
    assert floor.destination() is None


def test_an_uncertain_send_rests_is_looked_up_and_found(floor):
    row_id = floor.owe("a")
    floor.deliverer.answers = [Uncertain("500")]
    floor.relay.run(row_id)
    row = floor.row("outbox", row_id)
    assert row.state == "unsure" and SETTLE - 2 <= row.wait <= SETTLE + 2
    floor.make_due("outbox", row_id)
    floor.deliverer.found = [{"message_id": 9}]
    floor.relay.run(row_id)
    row = floor.row("outbox", row_id)
    assert (row.state, row.result) == ("done", {"message_id": 9})
    assert floor.deliverer.calls == [("deliver", "a"), ("look_up", "a")]
    assert floor.deliverer.told == [("done", "a")]


def test_an_uncertain_send_that_is_not_there_is_sent_again(floor):
    row_id = floor.owe("a")
    floor.deliverer.answers = [Uncertain("broken line")]
    floor.relay.run(row_id)
    floor.make_due("outbox", row_id)
    assert floor.relay.run(row_id) == row_id
    floor.relay.run(row_id)
    assert floor.deliverer.calls == [("deliver", "a"), ("look_up", "a"), ("deliver", "a")]
    assert state(floor, row_id) == "done"


@pytest.mark.parametrize("fault", [Temporary("503"), Denied("401"), RuntimeError("a defect")])
def test_a_failed_look_up_stays_unsure(floor, fault):
    row_id = floor.owe("a")
    floor.deliverer.answers, floor.deliverer.found = [Uncertain("500")], [fault]
    floor.relay.run(row_id)
    floor.make_due("outbox", row_id)
    floor.relay.run(row_id)
    assert state(floor, row_id) == "unsure"


def test_an_uncertain_sync_is_simply_done_again(floor):
    row_id = floor.owe_sync("1")
    floor.deliverer.answers = [Uncertain("500")]
    floor.relay.run(row_id)
    assert state(floor, row_id) == "pending"


def test_an_echo_settles_an_unsure_send_and_leaves_one_at_work_alone(floor):
    row_id = floor.owe("a")
    settled = []

    def echo(effect):
        with floor.units() as uow:
            settled.append(outbox.settle(uow, "a", {"message_id": 9}))
        raise Uncertain("500")

    floor.deliverer.answers = [echo]
    floor.relay.run(row_id)
    assert (settled, state(floor, row_id)) == ([False], "unsure")
    with floor.units() as uow:
        assert outbox.settle(uow, "a", {"message_id": 9})
    assert state(floor, row_id) == "done"


def test_a_defect_of_an_adapter_is_looked_up_and_in_the_end_poison(floor):
    row_id = floor.owe("a")
    floor.deliverer.answers = [RuntimeError("a defect")]
    floor.deliverer.found = [RuntimeError("a defect") for _ in range(MOST_ERRORS - 1)]
    for error in range(1, MOST_ERRORS + 1):
        floor.relay.run(row_id)
        row = floor.row("outbox", row_id)
        assert row.errors == error
        assert row.state == ("dead" if error == MOST_ERRORS else "unsure")
        if error == 1:
            assert row.wait > SETTLE - 2
        floor.make_due("outbox", row_id)
    assert floor.deliverer.told == [("dead", "a")]


def test_a_lost_lease_leaves_the_row_to_its_new_owner(floor):
    row_id = floor.owe("a")

    def lose(effect):
        floor.change("outbox", row_id, "lease_token = 'somebody else'")
        raise Permanent("refused")

    floor.deliverer.answers = [lose]
    floor.relay.run(row_id)
    assert state(floor, row_id) == "sending"
    assert floor.deliverer.told == []


def test_an_expired_send_is_unsure_once_the_other_side_has_surely_ended(floor):
    row_id = floor.owe("a")
    floor.deliverer.answers = [Temporary("429"), lambda effect: leave(floor, row_id)]
    floor.relay.run(row_id)
    floor.change("outbox", row_id, "first_tried_at = clock_timestamp() - interval '1 hour'")
    floor.make_due("outbox", row_id)
    floor.relay.run(row_id)
    floor.let_lease_run_out("outbox", row_id)
    assert leases.expire(floor.units, SETTLE) == (0, 1)
    row = floor.row("outbox", row_id)
    # Counted from this try, not from the first one an hour ago.
    assert row.state == "unsure" and SETTLE - 2 <= row.wait <= SETTLE
    floor.make_due("outbox", row_id)
    floor.relay.run(row_id)
    assert floor.deliverer.calls[-1] == ("look_up", "a")


def leave(floor, row_id):
    """As if the worker died in the call: what it would record is refused by its token."""
    floor.change("outbox", row_id, "lease_token = 'dead worker'")


def test_three_lost_leases_are_poison_and_the_lane_moves_on(floor):
    poison, behind = floor.owe("a"), floor.owe("b")
    floor.deliverer.answers = [lambda effect: leave(floor, poison)]
    floor.deliverer.found = [lambda effect: leave(floor, poison) for _ in range(2)]
    for _ in range(MOST_LOST_LEASES):
        floor.relay.run(poison)
        assert state(floor, poison) == "sending"
        floor.let_lease_run_out("outbox", poison)
        leases.expire(floor.units, 0)
        floor.make_due("outbox", poison)
    assert floor.relay.run(poison) == behind
    row = floor.row("outbox", poison)
    assert row.state == "dead" and "poison" in row.reason
    assert floor.deliverer.told == [("dead", "a")]
    floor.relay.run(behind)
    assert state(floor, behind) == "done"


def _lost(floor, row_id, times=MOST_LOST_LEASES):
    """A send whose workers died in the call again and again; the last one may have sent it."""
    floor.deliverer.answers = [lambda effect: leave(floor, row_id)]
    floor.deliverer.found = [lambda effect: leave(floor, row_id) for _ in range(times - 1)]
    for _ in range(times):
        floor.relay.run(row_id)
        floor.let_lease_run_out("outbox", row_id)
        leases.expire(floor.units, 0)
        floor.make_due("outbox", row_id)
    floor.deliverer.calls.clear()


def _as_staff_see_it(floor, row_id):
    with floor.units() as uow:
        return uow.session.get_one(OutboxRow, row_id)


def test_what_killed_its_workers_is_looked_up_before_a_person_is_asked(floor):
    row_id = floor.owe("a")
    _lost(floor, row_id)
    floor.deliverer.found = [{"id": 4}]
    floor.relay.run(row_id)
    assert (state(floor, row_id), floor.deliverer.calls) == ("done", [("look_up", "a")])
    assert floor.deliverer.told == [("done", "a")]


def test_what_killed_its_workers_and_is_not_there_is_not_sent_again(floor):
    row_id = floor.owe("a")
    _lost(floor, row_id)
    floor.relay.run(row_id)
    row = floor.row("outbox", row_id)
    assert (row.state, floor.deliverer.calls) == ("dead", [("look_up", "a")])
    assert "poison" in row.reason and "not found" in row.reason
    assert floor.deliverer.told == [("dead", "a")]


def test_a_look_that_gives_no_answer_is_repeated(floor):
    row_id = floor.owe("a")
    _lost(floor, row_id)
    floor.deliverer.found = [Temporary("busy"), {"id": 4}]
    floor.relay.run(row_id)
    assert state(floor, row_id) == "unsure"
    floor.make_due("outbox", row_id)
    floor.relay.run(row_id)
    assert state(floor, row_id) == "done"


def test_a_look_that_kills_as_well_ends_in_doubt(floor):
    row_id = floor.owe("a")
    _lost(floor, row_id, MOST_LOST_LEASES + 1)
    floor.relay.run(row_id)
    row = _as_staff_see_it(floor, row_id)
    assert (row.state, row.may_have_left, floor.deliverer.calls) == ("dead", True, [])
    assert row.reason.startswith("undecided:") and "may have been sent" in row.reason


def test_what_was_plainly_refused_has_not_left(floor):
    row_id = floor.owe("a")
    floor.deliverer.answers = [Permanent("no such thread")]
    floor.relay.run(row_id)
    row = _as_staff_see_it(floor, row_id)
    assert (row.state, row.may_have_left) == ("dead", False)


def test_a_deadline_cancels_and_tells(floor):
    row_id = floor.owe("a", deadline=timedelta(seconds=-1))
    floor.relay.run(row_id)
    row = floor.row("outbox", row_id)
    assert (row.state, row.reason) == ("cancelled", "its deadline has passed")
    assert floor.deliverer.calls == [] and floor.deliverer.told == [("cancelled", "a")]


def test_an_unsure_send_is_looked_up_even_past_its_deadline(floor):
    row_id = floor.owe("a", deadline=HOUR)
    floor.deliverer.answers, floor.deliverer.found = [Uncertain("500")], [{"message_id": 9}]
    floor.relay.run(row_id)
    floor.change("outbox", row_id, "deadline_at = clock_timestamp() - interval '1 s'")
    floor.make_due("outbox", row_id)
    floor.relay.run(row_id)
    assert state(floor, row_id) == "done"


def test_a_kind_that_is_switched_off_waits_without_blocking(floor):
    with floor.units() as uow:
        off = outbox.send(uow, "pager.beep", "p", {}, lane="lane")
    behind = floor.owe("b")
    floor.relay.run(off)
    row = floor.row("outbox", off)
    assert (row.state, row.attempts) == ("pending", 0) and row.wait > 200
    floor.relay.run(behind)
    assert state(floor, behind) == "done"


def test_a_cancelled_row_is_not_sent(floor):
    row_id = floor.owe("a", hold=HOUR)
    with floor.units() as uow:
        assert outbox.cancel(uow, "a", "taken back")
    floor.make_due("outbox", row_id)
    floor.relay.run(row_id)
    assert floor.deliverer.calls == []


def test_no_unit_is_open_during_a_call(floor):
    row_id = floor.owe("a")
    floor.deliverer.answers = [lambda effect: refuse_inside_unit()]
    floor.relay.run(row_id)
    assert state(floor, row_id) == "done"


def test_the_wire_to_chatwoot_refuses_to_run_inside_a_unit(floor):
    with floor.units(), pytest.raises(RuntimeError, match="unit of work is open"):
        Wire("http://127.0.0.1:1", "token").send("GET", "/")


def test_the_database_allows_one_sending_row_a_lane(floor):
    held, later = floor.owe("held", hold=HOUR), floor.owe("later")

    def meanwhile(effect):
        floor.make_due("outbox", held)
        assert floor.relay.run(held) is None
        assert state(floor, held) == "pending"

    floor.deliverer.answers = [meanwhile]
    assert floor.relay.run(later) == held


def test_the_clock_that_counts_is_the_databases(floor):
    row_id = floor.owe("a")
    with floor.engine.connect() as connection:
        late = connection.execute(
            text("SELECT due_at <= clock_timestamp() FROM outbox WHERE id = :id"), {"id": row_id}
        ).scalar()
    assert late
