"""The messages on the page of a job: why each was sent or not, taken back, sent again."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from crm.core.events import SYSTEM
from crm.notifications import service
from crm.notifications.models import Notification
from crm.repairs.models import Repair
from tests import builders
from tests.service import Service

HTML = {"Accept": "text/html"}


@pytest.fixture
def tell(mendline: Service):
    """Write a message about a repair; it looks for its channel. Returns its id."""

    def write(ref: str, words: str = "Your Pixel is ready", *, hold: int = 120) -> int:
        with mendline.units() as uow:
            repair = uow.session.query(Repair).filter_by(ref=ref).one()
            number = uow.session.query(Notification).count()
            row = service.compose(
                uow, f"repair:{repair.id}:entry:{900 + number}", "repair_testing", words, locale="en",
                customer_id=repair.customer_id, repair_id=repair.id, hold=timedelta(seconds=hold),
                actor=SYSTEM,
            )  # fmt: skip
            return row.id

    return write


def page(client, ref: str, query: str = "") -> str:
    answer = client.get(f"/admin/repairs/{ref}{query}", headers=HTML)
    assert answer.status_code == 200
    return answer.text.partition('id="messages"')[2]


def press(client, ref: str, message_id: int, what: str, **typed: str) -> TestResponse:
    token = re.search(r'name="csrf_token" value="(\w+)"', client.get(f"/admin/repairs/{ref}").text)
    return client.post(
        f"/admin/repairs/{ref}/messages/{message_id}/{what}",
        data={"csrf_token": token[1], **typed},
        headers=HTML,
    )


def states(mendline: Service) -> list[str]:
    return mendline.column(
        "SELECT state FROM notifications WHERE event_key LIKE '%entry:9%' ORDER BY id"
    )


def test_nothing_was_written_yet(mendline, signed_in, repair):
    mendline.table("DELETE FROM notifications RETURNING 1")
    said = page(signed_in, repair)
    assert "No message was written about this repair yet." in said and "<form" not in said


def test_held_taken_back_and_sent_after_all(mendline, signed_in, thread, tell):
    number, ref = thread
    told = tell(ref)
    said = page(signed_in, ref)
    assert "Waits to be sent" in said and "It leaves at" in said and "Your Pixel is ready" in said
    assert f"/messages/{told}/take-back" in said and f"/messages/{told}/resend" not in said

    answer = press(signed_in, ref, told, "take-back")
    assert (answer.status_code, answer.location) == (303, f"/admin/repairs/{ref}#messages")
    said = page(signed_in, ref)
    assert "Cancelled" in said and "taken back by Rosa Lindgren" in said
    assert states(mendline) == ["cancelled"]

    assert press(signed_in, ref, told, "resend").status_code == 303
    again = press(signed_in, ref, told, "resend")  # twice on one button
    assert again.status_code == 409 and "Something else came first" in again.text
    mendline.settle()
    assert states(mendline) == ["cancelled", "sent"]
    assert mendline.told(number).count("Your Pixel is ready") == 1
    assert mendline.count("audit", "action LIKE 'notification.%'") == 2


def test_what_was_sent_is_sent_once_more_only_when_that_is_said(mendline, signed_in, thread, tell):
    number, ref = thread
    told = tell(ref, hold=0)
    mendline.settle()
    assert f"/messages/{told}/take-back" not in page(signed_in, ref)
    assert press(signed_in, ref, told, "take-back").status_code == 409
    assert press(signed_in, ref, told, "resend").status_code == 409
    assert "Send once more" in page(signed_in, ref)
    assert press(signed_in, ref, told, "resend", again="yes").status_code == 303
    mendline.settle()
    assert mendline.told(number).count("Your Pixel is ready") == 2


def test_a_failure_says_why(mendline, signed_in, thread, tell):
    number, ref = thread
    told = tell(ref, hold=0)
    mendline.settle()
    mendline.becomes(number, "failed", "131047: <b>Re-engagement</b> message")
    mendline.settle()
    said = page(signed_in, ref)
    assert "Could not be sent" in said and "Not by Chat" in said
    assert "131047: &lt;b&gt;Re-engagement&lt;/b&gt; message" in said
    assert f"/messages/{told}/resend" in said and "Send again" in said


def test_a_viewer_reads_and_gets_no_link(mendline, session_of, thread, tell):
    _, ref = thread
    link = mendline.parts.shop.links.track(1, mendline.one("SELECT received_at FROM repairs"))
    told = tell(ref, f"See {link} <script>alert(1)</script> {{{{ 7 * 7 }}}} \u202eשלום")
    viewer = session_of("viewer")
    said = page(viewer, ref)
    assert link not in said and "/track/••••••" in said and "Waits to be sent" in said
    assert "<script>alert" not in said and "&lt;script&gt;" in said and "{{ 7 * 7 }}" in said
    assert f"/admin/repairs/{ref}/" not in said and "<form" not in said
    assert link in page(session_of("technician"), ref)
    for what in ("take-back", "resend"):
        assert press(viewer, ref, told, what).status_code == 403
    assert states(mendline) == ["queued"]


def test_a_machine_sees_none(mendline, thread, tell):
    """A shop system may look at a page of its own repairs."""
    _, ref = thread
    tell(ref)
    key = mendline.shop_key()
    mendline.table("UPDATE repairs SET owner_key = :key RETURNING 1", key=key.id)
    headers = {"Authorization": f"Bearer {key.key}", **HTML}
    seen = mendline.app.test_client().get(f"/admin/repairs/{ref}", headers=headers)
    assert seen.status_code == 200 and ref in seen.text
    assert "Your Pixel is ready" not in seen.text and 'id="messages"' not in seen.text


def test_only_messages_of_this_repair_and_by_the_form(mendline, signed_in, thread, tell):
    _, ref = thread
    told = tell(ref)
    with mendline.units() as uow:
        other = builders.repair(uow).ref
    for what in ("take-back", "resend"):
        assert press(signed_in, other, told, what).status_code == 404
        assert press(signed_in, ref, 2**63 - 1, what).status_code == 404
        assert press(signed_in, ref, 2**63, what).status_code == 404
        path = f"/admin/repairs/{ref}/messages/{told}/{what}"
        assert signed_in.post(path).status_code == 403
        assert mendline.app.test_client().post(path).status_code == 401
    assert states(mendline) == ["queued"]


def test_newest_first_and_older_ones_on_demand(mendline, signed_in, thread, tell):
    _, ref = thread
    for number in range(13):
        tell(ref, f"News number {number}.")
    first = page(signed_in, ref)
    numbers = re.findall(r"News number (\d+)\.", first)
    assert numbers == [str(n) for n in range(12, 2, -1)] and "Back to the newest" not in first
    older = re.search(r'href="[^"]+(\?older=[^"#]+)#messages"', first)[1]
    second = page(signed_in, ref, older)
    assert re.findall(r"News number (\d+)\.", second) == ["2", "1", "0"]
    assert "Back to the newest" in second and "Show older" not in second
    assert signed_in.get(f"/admin/repairs/{ref}?older=x").status_code == 422


def test_a_notice_of_a_failure_leads_here(mendline, desk, thread, tell):
    number, ref = thread
    tell(ref, hold=0)
    mendline.settle()
    mendline.becomes(number, "failed", "131026: Undeliverable")
    mendline.settle()
    notices = [
        one for one in desk("GET", "/notices").json["data"] if one["kind"] == "message.failed"
    ]
    assert [one["url"] for one in notices] == [f"/admin/repairs/{ref}#messages"]
