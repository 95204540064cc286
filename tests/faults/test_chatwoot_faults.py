"""Chatwoot refuses, hangs, throttles, saves and says 500, saves and cuts the line."""

from __future__ import annotations

from sqlalchemy import text

from tests.faults import counting
from tests.faults.harness import Service, eventually
from tests.faults.playing import afternoon, settle_and_count


def ask(service: Service, query: str) -> list:
    with service.parts.engine.connect() as connection:
        return list(connection.execute(text(query)))


def end_break(service: Service) -> None:
    """As if the breaker's half minute were over."""
    with service.parts.engine.begin() as connection:
        connection.execute(text("UPDATE destinations SET closed_until = clock_timestamp()"))


def breaker_is_open(service: Service) -> bool:
    return bool(ask(service, "SELECT 1 FROM destinations WHERE closed_until > clock_timestamp()"))


def test_it_refuses_connections_until_the_breaker_opens(service: Service) -> None:
    service.faults(refuse=True)
    afternoon(service, "refused 1")
    afternoon(service, "refused 2")
    eventually(lambda: breaker_is_open(service), "the breaker opens")
    service.faults(refuse=False)
    end_break(service)
    settle_and_count(service, conversations=2)


def test_it_is_down_altogether(service: Service) -> None:
    done = afternoon(service, "down")
    counting.rest(service)
    service.stop("sandbox")
    service.post_event(
        "repair.note_added", {"external_id": done["external_id"], "note": "new glass"}
    )
    eventually(lambda: ask(service, "SELECT 1 FROM outbox WHERE attempts > 0 AND state <> 'done'"),
               "a call failed")  # fmt: skip
    service._spawn("sandbox", "app.py", "sandbox", "--port", str(service.sandbox_port))
    service.faults(rate_limit_per_minute=1e9)
    end_break(service)
    settle_and_count(service, conversations=1)


def test_it_hangs(service: Service) -> None:
    done = afternoon(service, "hanging")
    counting.rest(service)
    service.faults(api_hang_seconds=3)
    service.post_event("repair.status_changed", {
        "external_id": done["external_id"], "status": "delivered", "version": 5})  # fmt: skip
    # The syncs may come first, and enough of them to open the breaker.
    eventually(
        lambda: ask(service, "SELECT 1 FROM outbox WHERE state = 'unsure'") or end_break(service),
        "a send is unsure",
    )
    service.faults(api_hang_seconds=0)
    end_break(service)
    settle_and_count(service, conversations=1)


def test_it_throttles_without_saying_how_long(service: Service) -> None:
    service.faults(api_status_next=[{"status": 429, "count": 4}])
    afternoon(service, "429")
    eventually(lambda: not service.play("GET", "/faults")["api_status_next"], "all were throttled")
    settle_and_count(service, conversations=1)


def test_it_throttles_and_says_how_long(service: Service) -> None:
    service.faults(api_status_next=[{"status": 429, "count": 2, "retry_after": 3}])
    afternoon(service, "429 with retry-after")
    waits = eventually(
        lambda: ask(service, """SELECT extract(epoch FROM due_at - clock_timestamp()) FROM outbox
                                WHERE reason LIKE '%429%' AND state = 'pending'"""),
        "a row was throttled",
    )  # fmt: skip
    assert max(float(wait[0]) for wait in waits) > 1.5
    eventually(lambda: not service.play("GET", "/faults")["api_status_next"], "all were throttled")
    settle_and_count(service, conversations=1)


def deliver_without_echo(service: Service, done: dict, **fault: object) -> None:
    """No echo settles anything here: only the look-up stands between the customer and a double."""
    counting.rest(service)
    service.faults(webhook_drop=1, **fault)
    service.post_event("repair.status_changed", {
        "external_id": done["external_id"], "status": "delivered", "version": 5})  # fmt: skip
    counting.rest(service)
    end_break(service)
    service.faults(webhook_drop=0, **dict.fromkeys(fault, 0))
    looked_up = "SELECT 1 FROM outbox WHERE kind = 'chatwoot.message' AND attempts > 1"
    assert ask(service, looked_up), "the message itself was in doubt"


def test_it_saves_and_answers_500_while_its_echoes_are_lost(service: Service) -> None:
    done = afternoon(service, "500, no echo")
    deliver_without_echo(service, done, api_500_after_save={"next": 4})
    settle_and_count(service, conversations=1)


def test_it_saves_and_answers_500(service: Service) -> None:
    for number in range(2):
        service.faults(api_500_after_save={"next": 3})
        afternoon(service, f"500 after save {number}")
        counting.rest(service)
    end_break(service)
    settle_and_count(service, conversations=2)


def test_it_saves_and_cuts_the_line(service: Service) -> None:
    for number in range(2):
        service.faults(api_cut_after_save={"next": 3})
        afternoon(service, f"cut after save {number}")
        counting.rest(service)
    end_break(service)
    settle_and_count(service, conversations=2)


def test_it_saves_and_cuts_the_line_while_its_echoes_are_lost(service: Service) -> None:
    done = afternoon(service, "cut, no echo")
    deliver_without_echo(service, done, api_cut_after_save={"next": 4})
    settle_and_count(service, conversations=1)


def test_it_refuses_our_token_for_a_while(service: Service) -> None:
    service.faults(api_status_next=[{"status": 401, "count": 2}])
    afternoon(service, "401")
    eventually(lambda: breaker_is_open(service), "the destination is paused")
    with service.parts.engine.begin() as connection:
        connection.execute(
            text("UPDATE outbox SET due_at = clock_timestamp() WHERE state = 'pending'")
        )
    end_break(service)
    eventually(lambda: not service.play("GET", "/faults")["api_status_next"] or end_break(service)
               or release(service), "the token works again")  # fmt: skip
    end_break(service)
    release(service)
    assert ask(service, "SELECT max(attempts) FROM outbox WHERE state <> 'done'")[0][0] in (0, None)
    settle_and_count(service, conversations=1)


def release(service: Service) -> None:
    with service.parts.engine.begin() as connection:
        connection.execute(text("UPDATE outbox SET due_at = clock_timestamp()"
                                " WHERE state IN ('pending', 'unsure')"))  # fmt: skip
