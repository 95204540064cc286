"""Contacts: shapes, merging, uniqueness, search and filter (api.md 2)."""

from __future__ import annotations

import pytest

CONTACT_KEYS = {
    "additional_attributes",
    "availability_status",
    "email",
    "id",
    "name",
    "phone_number",
    "blocked",
    "identifier",
    "thumbnail",
    "custom_attributes",
    "created_at",
    "contact_inboxes",
}
SLIM_INBOX_KEYS = {"id", "avatar_url", "channel_id", "name", "channel_type", "provider"}


def test_created_contact_comes_wrapped_with_its_session(sandbox):
    answer = sandbox.admin("POST", "/contacts", {"name": "Sara", "inbox_id": sandbox.widget})
    payload = answer.json["payload"]
    assert answer.status_code == 200
    assert set(payload["contact"]) == CONTACT_KEYS
    assert set(payload["contact"]["contact_inboxes"][0]["inbox"]) == SLIM_INBOX_KEYS
    assert payload["contact_inbox"]["source_id"]
    assert payload["contact_inbox"]["inbox"]["account_id"] == 1


def test_without_inbox_the_session_is_null(sandbox):
    payload = sandbox.admin("POST", "/contacts", {"name": "Sara"}).json["payload"]
    assert payload["contact_inbox"] == {"inbox": None, "source_id": None}


def test_old_release_shows_full_inboxes_and_no_blocked(old_sandbox):
    body = {"name": "Sara", "inbox_id": old_sandbox.widget}
    contact = old_sandbox.admin("POST", "/contacts", body).json["payload"]["contact"]
    assert "blocked" not in contact
    assert "hmac_token" in contact["contact_inboxes"][0]["inbox"]


def test_duplicates_name_every_field(sandbox):
    body = {"email": "a@b.test", "phone_number": "+447700900123"}
    assert sandbox.admin("POST", "/contacts", body).status_code == 200
    answer = sandbox.admin("POST", "/contacts", {**body, "email": "A@B.TEST"})
    assert answer.status_code == 422
    assert answer.json["attributes"] == ["email", "phone_number"]
    assert answer.json["message"].startswith("Email has already been taken, ")


@pytest.mark.parametrize("phone", ["447700900123", "+0123", "+44 7700", "+1234567890123456"])
def test_phone_format(sandbox, phone):
    answer = sandbox.admin("POST", "/contacts", {"phone_number": phone})
    assert (answer.status_code, answer.json["attributes"]) == (422, ["phone_number"])


def test_update_merges_custom_attributes_and_destroy_removes(sandbox):
    contact = sandbox.customer(custom_attributes={"a": 1, "b": 2})
    path = f"/contacts/{contact}"
    merged = sandbox.admin("PATCH", path, {"custom_attributes": {"b": 3, "c": 4}}).json["payload"]
    assert merged["custom_attributes"] == {"a": 1, "b": 3, "c": 4}
    gone = sandbox.admin(
        "POST", f"{path}/destroy_custom_attributes", {"custom_attributes": ["a", "zz"]}
    )
    assert gone.json["payload"]["custom_attributes"] == {"b": 3, "c": 4}


def test_additional_attributes_were_replaced_once(sandbox, old_sandbox):
    results = []
    for box in (sandbox, old_sandbox):
        contact = box.customer(additional_attributes={"city": "Leeds"})
        body = {"additional_attributes": {"country": "UK"}}
        answer = box.admin("PATCH", f"/contacts/{contact}", body)
        results.append(answer.json["payload"]["additional_attributes"])
    assert results == [{"city": "Leeds", "country": "UK"}, {"country": "UK"}]


def test_search_counts_the_page_and_tells_of_more(sandbox):
    for number in range(16):
        sandbox.customer(name=f"Guest {number}")
    first = sandbox.admin("GET", "/contacts/search?q=guest").json["meta"]
    second = sandbox.admin("GET", "/contacts/search?q=guest&page=2").json["meta"]
    assert first == {"count": 15, "current_page": 1, "has_more": True}
    assert second == {"count": 1, "current_page": "2", "has_more": False}
    blank = sandbox.admin("GET", "/contacts/search?q=").json
    assert blank["meta"]["count"] is None


def filtered(box, key, value, operator="equal_to"):
    condition = {"attribute_key": key, "filter_operator": operator, "values": [value]}
    return box.admin("POST", "/contacts/filter", {"payload": [condition]})


def test_filter_finds_exactly(sandbox):
    contact = sandbox.customer(email="a@b.test", phone="+447700900123", identifier="u-1")
    sandbox.customer(email="aa@b.test")
    for key, value in (
        ("email", "A@b.test"),
        ("identifier", "U-1"),
        ("phone_number", "447700900123"),
    ):
        found = filtered(sandbox, key, value).json
        assert [row["id"] for row in found["payload"]] == [contact], key
    assert filtered(sandbox, "email", "@b.test", "contains").json["meta"]["count"] == 2


def test_filter_misses_capital_identifiers_like_the_release_does(sandbox):
    sandbox.customer(identifier="U-1")
    assert filtered(sandbox, "identifier", "U-1").json["payload"] == []


def test_filter_needs_a_definition_for_custom_attributes(sandbox):
    contact = sandbox.customer(identifier="u-1", custom_attributes={"plan": "Pro"})
    assert filtered(sandbox, "plan", "pro").status_code == 422
    body = {"attribute_display_name": "Plan", "attribute_key": "plan", "attribute_model": 1}
    assert sandbox.admin("POST", "/custom_attribute_definitions", body).status_code == 200
    assert filtered(sandbox, "plan", "pro").json["payload"][0]["id"] == contact
    assert sandbox.admin("POST", "/contacts/filter", {}).status_code == 500
