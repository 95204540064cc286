"""The plan and its round: each message once, within the shop's hours, until something ends it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from crm.core.uow import Units
from crm.notifications.events import NotificationComposed
from tests import builders
from tests.integration.followups.conftest import OFF
from tests.integration.intake.acts import move


def test_the_plan_is_made_at_the_handing_over(after, bench, wish):
    wish(maintenance={"is_on": True, "days": 180})
    assert after.states() == []
    move(bench, after.ref, "delivered")
    kinds = ["maintenance", "review_request", "survey"]
    assert sorted(after.states()) == [(kind, "pending") for kind in kinds]
    days = after.service.column(
        "SELECT round(extract(epoch FROM due_at - created_at) / 86400) FROM follow_ups ORDER BY kind"
    )
    assert [int(one) for one in days] in ([180, 1, 1], [180, 1, 2], [180, 2, 2], [180, 0, 0])
    assert after.round() == 0 and after.asked() == []


def test_without_a_review_link_nobody_is_asked_for_one(after, bench, wish):
    wish(url=None)
    move(bench, after.ref, "delivered")
    assert after.states() == [("survey", "pending")]


def test_it_is_sent_once_also_by_two_rounds(delivered):
    delivered.due()
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lambda _: delivered.hand_on(), range(2))) == [0, 1]
    assert delivered.handed_on("is_bulk") == [True]
    assert delivered.round() == 1
    assert delivered.round() == 0
    (told,) = delivered.asked()
    assert delivered.ref in told and "/survey/" in told
    assert delivered.state() == "sent" and delivered.state("review_request") == "pending"
    delivered.due("review_request")
    assert delivered.round() == 1
    (told,) = delivered.asked("short review")
    assert "https://example.test/review?shop=1" in told


def test_nobody_is_written_to_at_night(delivered):
    delivered.due()
    assert delivered.round(hour=3) == delivered.round(hour=21) == 0
    assert delivered.state() == "pending" and delivered.round() == 1


def test_what_is_long_stale_is_not_sent(delivered):
    delivered.due(days=13)
    delivered.due("review_request", days=15)
    assert delivered.round() == 1
    assert delivered.state("review_request") == "failed"


def test_killed_between_compose_and_commit_it_is_sent_once(delivered):
    def die(uow, event):
        uow.session.flush()
        raise OSError("killed")

    delivered.due()
    delivered.hand_on()
    delivered.compose(units=Units(delivered.service.units.engine, {NotificationComposed: (die,)}))
    assert delivered.state() == "pending"
    assert delivered.service.count("notifications", "template = 'survey'") == 0
    delivered.service.hasten()
    assert delivered.round() == 1 and len(delivered.asked()) == 1


def test_what_is_left_in_the_evening_is_handed_on_anew_the_next_day(delivered):
    delivered.due()
    assert delivered.hand_on() == 1
    delivered.compose(hour=21)
    assert delivered.state() == "pending" and delivered.handed_on() == []
    assert delivered.hand_on() == 0
    # The same row under yesterday's key.
    delivered.write(
        "UPDATE inbox SET delivery_key = delivery_key || '-' WHERE sender = 'follow-ups'"
    )
    assert delivered.round() == 1 and len(delivered.asked()) == 1


def test_what_happened_meanwhile_is_heard_before_it_is_written(delivered):
    delivered.due()
    delivered.due("review_request")
    assert delivered.hand_on() == 2
    delivered.answer(rating=5)
    with delivered.service.units() as uow:
        customer_id = uow.connection.exec_driver_sql("SELECT id FROM customers").scalar()
        builders.repair(uow, customer_id)
    delivered.compose()
    assert sorted(delivered.states()) == [("review_request", "cancelled"), ("survey", "completed")]
    assert delivered.service.count("notifications", "template IN ('survey', 'review_request')") == 0


def test_a_clock_set_back_doubles_nothing(delivered):
    """In the night to winter the clock shows an hour twice, and for some zones even the day."""
    delivered.due()
    delivered.due("review_request")
    for hour in (13, 12, 11):
        delivered.hand_on(hour)
    assert len(delivered.handed_on()) == 2
    delivered.round(13)
    assert delivered.round(12) == 0 and delivered.round(11) == 0
    assert len(delivered.asked()) == len(delivered.asked("short review")) == 1


def test_words_of_the_customer_end_it(delivered):
    delivered.due()
    delivered.round()
    delivered.round()
    assert delivered.state() == "sent"
    contact = delivered.service.one("SELECT contact_id FROM conversations")
    delivered.service.writes(contact, "All fine, thank you")
    delivered.service.settle()
    delivered.round()
    assert delivered.state() == "completed"
    # Everybody is asked for a review, whatever they wrote.
    assert delivered.state("review_request") == "pending"


def test_silence_ends_it(delivered):
    delivered.due()
    delivered.round()
    delivered.round()
    delivered.ago(13.9)
    delivered.round()
    assert delivered.state() == "sent"
    delivered.ago(0.2)
    delivered.round()
    assert delivered.state() == "no_response"


def test_a_new_repair_stops_what_was_not_sent(delivered):
    delivered.due()
    delivered.round()
    delivered.round()
    with delivered.service.units() as uow:
        customer_id = uow.connection.exec_driver_sql("SELECT id FROM customers").scalar()
        builders.repair(uow, customer_id)
    delivered.round()
    assert sorted(delivered.states()) == [("review_request", "cancelled"), ("survey", "completed")]


def test_a_correction_takes_it_back_and_the_next_handing_over_plans_anew(delivered, bench):
    assert move(bench, delivered.ref, "testing", reason="wrong button").status_code == 201
    assert {state for _, state in delivered.states()} == {"cancelled"}
    move(bench, delivered.ref, "ready_pickup")
    assert move(bench, delivered.ref, "delivered").status_code == 201
    assert sorted(delivered.states()) == [("review_request", "pending"), ("survey", "pending")]
    delivered.due()
    assert delivered.round() == 1 and len(delivered.asked()) == 1


def test_who_was_asked_for_a_review_is_not_asked_again_soon(delivered, bench):
    with delivered.service.units() as uow:
        customer_id = uow.connection.exec_driver_sql("SELECT id FROM customers").scalar()
        other = builders.repair(uow, customer_id).ref
    move(bench, other, "ready_pickup")
    move(bench, other, "delivered")
    kinds = delivered.service.column(
        "SELECT kind FROM follow_ups f JOIN repairs r ON r.id = repair_id WHERE r.ref = :ref",
        ref=other,
    )
    assert kinds == ["survey"]


def test_without_any_channel_it_fails_and_says_why(after, bench, wish):
    wish(review_request=OFF)
    with after.service.units() as uow:
        other = builders.repair(uow, builders.customer(uow, name="Nobody").id).ref
    move(bench, other, "ready_pickup")
    move(bench, other, "delivered")
    after.due()
    assert after.round() == 1
    after.round()
    assert after.state() == "scheduled"
    after.write("UPDATE follow_ups SET composed_at = composed_at - interval '1 day'")
    after.round()
    ((state, reason),) = after.states("state, reason")
    assert state == "failed" and "no channel" in reason
    assert after.service.count("notifications", "template = 'survey' AND state = 'cancelled'") == 1


def test_who_refused_is_asked_for_no_review(delivered):
    delivered.write("UPDATE communication_preferences SET marketing = false")
    delivered.due("review_request")
    delivered.round()
    delivered.round()
    reason = "the customer wants no marketing"
    assert ("review_request", "cancelled", reason) in delivered.states("kind, state, reason")


def test_who_never_said_a_word_is_asked_for_a_review(delivered):
    delivered.write("UPDATE communication_preferences SET marketing = NULL")
    delivered.due("review_request")
    delivered.round()
    delivered.round()
    assert delivered.state("review_request") == "sent"
