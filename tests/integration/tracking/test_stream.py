"""Live news: who hears what and when, resuming, the limits, lost connections and the end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests

from bridge import live
from crm.core.events import Actor
from crm.core.shop import TRACK_DAYS
from crm.files import service as files
from crm.files.models import File
from tests.integration.tracking.conftest import HEARTBEAT_SECONDS, Tracked, until


def last_id(tracked: Tracked) -> str:
    with tracked.watched() as watch:
        return watch.message().id


def test_an_update_is_heard_at_once(tracked):
    seen = last_id(tracked)
    with tracked.watched(seen) as watch:
        watch.beats(1)
        started = time.monotonic()
        tracked.move("diagnosing")
        message = watch.message()
        assert time.monotonic() - started < 1.0

    assert message.event == "repair"
    assert message.data["state"] == "diagnosing"
    assert str(message.data["version"]) == message.id
    assert int(message.id) > int(seen)
    assert set(message.data) == {"state", "updated_at", "version"}
    assert 2_000 <= watch.retry <= 6_000


def test_headers_keep_it_flowing(tracked):
    with tracked.watched() as watch:
        headers = watch.answer.headers
        assert headers["Content-Type"].startswith("text/event-stream")
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"


def test_the_line_is_kept_open_by_comments(tracked):
    with tracked.watched(last_id(tracked)) as watch:
        started = time.monotonic()
        watch.beats(4)
        assert time.monotonic() - started < 10 * HEARTBEAT_SECONDS


@pytest.mark.parametrize("by_header", [True, False])
def test_what_happened_meanwhile_is_told_on_resuming(tracked, by_header):
    seen = last_id(tracked)
    tracked.move("diagnosing")
    tracked.move("repairing")
    how = {"last_id": seen} if by_header else {"last_event_id": seen}
    with tracked.watched(**how) as watch:
        assert watch.message().data["state"] == "repairing"


@pytest.mark.parametrize("odd", ["", "x", "-1", "٣", "9" * 400, "1e9", "<script>", "0"])
def test_an_odd_id_is_no_id(tracked, odd):
    with tracked.watched(last_event_id=odd) as watch:
        assert watch.message().data["state"] == "received"


def test_notes_and_released_pictures_are_news(tracked):
    with tracked.service.units() as uow:
        picture = File(
            key="k1", repair_id=tracked.id, name="a.jpg", content_type="image/jpeg", size_bytes=1,
            width=4, height=3, digest="d", source="api", actor_kind="staff", actor_name="Tom",
            created_at=uow.now,
        )  # fmt: skip
        uow.session.add(picture)
    seen = last_id(tracked)
    with tracked.watched(seen) as watch:
        watch.beats(1)
        tracked.note(note="The screen is on its way")
        noted = watch.message()
        with tracked.service.units() as uow:
            file = uow.session.get_one(File, picture.id)
            files.release(uow, file, True, Actor("staff", "Tom"))
        shown = watch.message()
    assert int(seen) < int(noted.id) < int(shown.id)
    assert tracked.page().count("<img") == 1


def test_one_repair_hears_nothing_of_another(tracked, mendline):
    other = Tracked(mendline)
    with tracked.watched(last_id(tracked)) as watch:
        watch.beats(1)
        other.move("repairing")
        watch.beats(4)


def test_what_is_rolled_back_is_never_told(tracked):
    with tracked.watched(last_id(tracked)) as watch:
        watch.beats(1)
        with pytest.raises(RuntimeError), tracked.service.units() as uow:
            uow.connection.exec_driver_sql("SELECT 1")
            raise RuntimeError
        watch.beats(3)


def test_everybody_who_looks_hears_it(tracked):
    seen = last_id(tracked)

    def look(_number: int) -> str:
        with tracked.watched(seen) as watch:
            return watch.message().data["state"]

    with ThreadPoolExecutor(12) as pool:
        waiting = [pool.submit(look, number) for number in range(12)]
        until(lambda: live.of(tracked.service.app).count >= 12)
        tracked.move("testing")
        assert {one.result(5) for one in waiting} == {"testing"}


def test_too_many_are_sent_away_and_room_is_made(tracked, monkeypatch):
    monkeypatch.setattr(live, "MOST_PER_TOPIC", 1)
    with tracked.watched() as watch:
        watch.message()
        refused = requests.get(f"{tracked.url}/events", timeout=5)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
    until(lambda: live.of(tracked.service.app).count == 0)
    with tracked.watched() as watch:
        watch.message()


def test_after_a_lost_connection_everybody_is_brought_up_to_date(tracked):
    ended = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE query LIKE 'LISTEN mendline%' AND datname = current_database()"""
    with tracked.watched(last_id(tracked)) as watch:
        watch.beats(1)
        until(lambda: tracked.service.column(ended))
        tracked.move("waiting_parts")
        assert watch.message().data["state"] == "waiting_parts"
        tracked.move("testing")
        assert watch.message().data["state"] == "testing"


def test_nothing_listens_when_nobody_looks(tracked):
    listening = """SELECT pid FROM pg_stat_activity
                   WHERE query LIKE 'LISTEN mendline%' AND datname = current_database()"""
    with tracked.watched() as watch:
        watch.message()
        until(lambda: len(tracked.service.column(listening)) == 1)
    until(lambda: not tracked.service.column(listening))


def test_a_stopping_process_ends_its_streams(tracked):
    hub = live.of(tracked.service.app)
    with tracked.watched() as watch:
        watch.message()
        hub.close()
        started = time.monotonic()
        with pytest.raises(EOFError):
            watch.message()
        assert time.monotonic() - started < 1.0
    assert requests.get(f"{tracked.url}/events", timeout=5).status_code == 503
    hub.is_closed = False


def test_links_that_open_nothing_have_no_stream(tracked):
    links = tracked.service.parts.shop.links
    old = links.track(tracked.id, datetime.now(UTC) - timedelta(days=TRACK_DAYS, seconds=1))
    gone = links.track(999_999, datetime.now(UTC))
    tokens = [url.rsplit("/", 1)[1] for url in (old, gone)] + ["x", tracked.path[7:-2]]
    answers = [tracked.service.http.get(f"/track/{token}/events") for token in tokens]
    assert {answer.status_code for answer in answers} == {404}


def test_a_link_that_expires_ends_its_stream(tracked):
    links = tracked.service.parts.shop.links
    ending = datetime.now(UTC) - timedelta(days=TRACK_DAYS) + timedelta(seconds=2)
    url = tracked.url.rsplit("/", 1)[0] + "/" + links.track(tracked.id, ending).rsplit("/", 1)[1]
    with requests.get(f"{url}/events", stream=True, timeout=5) as answer:
        assert answer.status_code == 200
        started = time.monotonic()
        for _line in answer.iter_lines(chunk_size=1):
            assert time.monotonic() - started < 4
