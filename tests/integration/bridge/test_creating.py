"""Creating once per Idempotency-Key, and reading lists page by page."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from crm.core import idempotency
from crm.core.errors import Conflict
from crm.core.events import SYSTEM
from crm.core.idempotency import Answer
from crm.core.vault import Seal
from crm.staff import service, tokens
from crm.staff.models import ApiKey

SEAL = Seal(["a-key-for-these-tests-only-0123456789"])
NEW = {"name": "till", "role": "shop"}


def count(engine, table: str) -> int:
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_the_same_request_twice_acts_once(admin, engine):
    headers = {"Idempotency-Key": "one"}
    first = admin("POST", "/api/v1/keys", headers, json=NEW)
    again = admin("POST", "/api/v1/keys", headers, json=dict(reversed(NEW.items())))
    assert first.status_code == again.status_code == 201
    assert first.json == again.json
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count(engine, "api_keys") == 2  # the caller's own and this one


def test_a_key_with_another_body_is_refused(admin):
    headers = {"Idempotency-Key": "two"}
    admin("POST", "/api/v1/keys", headers, json=NEW)
    other = admin("POST", "/api/v1/keys", headers, json={**NEW, "name": "other"})
    assert (other.status_code, other.json["code"]) == (422, "key-reused")


def test_two_callers_may_use_the_same_key(admin, as_role):
    headers = {"Idempotency-Key": "three"}
    mine = admin("POST", "/api/v1/keys", headers, json=NEW)
    theirs = as_role("admin")("POST", "/api/v1/keys", headers, json=NEW)
    assert mine.json["id"] != theirs.json["id"]


def test_a_refusal_is_not_kept(admin, engine):
    person = {"email": "a@shop.example", "name": "A", "role": "desk"}
    admin("POST", "/api/v1/staff", json=person)
    headers = {"Idempotency-Key": "four"}
    assert admin("POST", "/api/v1/staff", headers, json=person).status_code == 409
    assert count(engine, "idempotency_keys") == 0


def test_the_stored_answer_does_not_show_the_key(admin, engine):
    made = admin("POST", "/api/v1/keys", {"Idempotency-Key": "five"}, json=NEW).json
    with engine.connect() as connection:
        stored = connection.execute(text("SELECT answer FROM idempotency_keys")).scalar_one()
        rows = connection.execute(text("SELECT k::text FROM api_keys k")).scalars().all()
    assert made["key"].encode() not in stored
    assert not any(made["key"] in row or made["webhook_secret"] in row for row in rows)


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_strange_idempotency_key_is_refused(admin, key):
    assert admin("POST", "/api/v1/keys", {"Idempotency-Key": key}, json=NEW).status_code == 422


def test_a_running_request_holds_its_key(units):
    inside, go_on = threading.Event(), threading.Event()

    def work() -> Answer:
        inside.set()
        go_on.wait(10)
        return Answer(201, {"n": 1})

    call = {"scope": "key/a", "key": "k", "fingerprint": "f"}

    def first() -> None:
        with units() as uow:
            idempotency.once(uow, SEAL, work=work, **call)

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    with pytest.raises(Conflict) as refused, units() as uow:
        idempotency.once(uow, SEAL, work=work, **call)
    assert refused.value.code == "still-running"
    go_on.set()
    thread.join()
    with units() as uow:
        answer = idempotency.once(uow, SEAL, work=work, **call)
    assert answer == Answer(201, {"n": 1}, replayed=True)


def test_a_list_is_read_page_by_page(admin, units):
    with units() as uow:
        for number in range(5):
            service.create_key(uow, SEAL, SYSTEM, name=f"k{number}", role="viewer")
    seen, address = [], "/api/v1/keys?limit=2"
    while address:
        page = admin("GET", address).json
        assert len(page["data"]) <= 2
        seen += [key["id"] for key in page["data"]]
        cursor = page["meta"]["next_cursor"]
        address = f"/api/v1/keys?limit=2&cursor={cursor}" if cursor else None
    assert len(seen) == len(set(seen)) == 6
    assert not any("key" in key for key in page["data"])


def test_a_cursor_belongs_to_its_list(admin):
    admin("POST", "/api/v1/keys", json=NEW)
    cursor = admin("GET", "/api/v1/keys?limit=1").json["meta"]["next_cursor"]
    assert admin("GET", f"/api/v1/keys?cursor={cursor}").status_code == 200
    assert admin("GET", f"/api/v1/staff?cursor={cursor}").status_code == 422


def test_webhook_secrets_overlap_during_rotation(admin, units, app):
    seal = app.extensions["mendline"].seal
    made = admin("POST", "/api/v1/keys", json=NEW).json
    old = made["webhook_secret"]
    address = f"/api/v1/keys/{made['id']}"
    new = admin("POST", f"{address}/rotate", json={}).json["webhook_secret"]
    assert old.startswith("whsec_") and old != new

    def valid() -> list[str]:
        with units() as uow:
            return service.webhook_secrets(uow, seal, made["id"])

    assert valid() == [new, old]
    with units() as uow:
        uow.session.get(ApiKey, made["id"]).previous_until = uow.now - timedelta(seconds=1)
    assert valid() == [new]
    admin("POST", f"{address}/revoke")
    assert valid() == []
    assert admin("POST", f"{address}/rotate", json={}).status_code == 409
    with units() as uow:
        assert service.webhook_secrets(uow, seal, "key_unknown") == []


def test_an_expired_key_is_refused(admin, units):
    made = admin("POST", "/api/v1/keys", json={**NEW, "role": "viewer"}).json
    with units() as uow:
        key = service.authenticate_key(uow, made["key"])
        assert key.last_used_at == uow.now or key.last_used_at is None
        key.expires_at = uow.now - timedelta(seconds=1)
    client = admin.client
    answer = client.get("/api/v1/keys", headers={"Authorization": f"Bearer {made['key']}"})
    assert answer.status_code == 401
    assert tokens.digest(made["key"]) != made["key"]


def test_the_last_admin_can_not_be_disabled(admin):
    person = {"email": "Boss@Shop.example", "name": "Boss", "role": "admin"}
    boss = admin("POST", "/api/v1/staff", json=person).json
    assert boss["email"] == "boss@shop.example"
    address = f"/api/v1/staff/{boss['id']}/disable"
    assert admin("POST", address).json["code"] == "last-admin"
    admin("POST", "/api/v1/staff", json={**person, "email": "b@shop.example"})
    assert admin("POST", address).json["is_active"] is False


def test_changes_are_audited_without_secrets(admin):
    made = admin("POST", "/api/v1/keys", json=NEW).json
    admin("POST", f"/api/v1/keys/{made['id']}/revoke")
    entries = admin("GET", "/api/v1/audit").json["data"]
    assert [entry["action"] for entry in entries[:2]] == ["key.revoke", "key.create"]
    assert entries[0]["target"] == f"key/{made['id']}"
    assert made["key"] not in str(entries) and made["webhook_secret"] not in str(entries)
    verdict = admin("GET", "/api/v1/audit/verify").json
    assert verdict["ok"] and verdict["entries"] == len(entries)
