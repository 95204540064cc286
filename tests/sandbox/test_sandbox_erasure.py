"""Deleting a contact in the sandbox: with all it wrote, by administrators only, once."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from chatwoot.sandbox.app import create_sandbox


@pytest.fixture
def client() -> FlaskClient:
    return create_sandbox(None, public_url="http://127.0.0.1:8001").test_client()


def _person(client: FlaskClient, name: str) -> int:
    made = client.post("/sandbox/api/customers", json={"name": name}).get_json()["contact"]["id"]
    client.post(f"/sandbox/api/customers/{made}/messages", json={"content": f"I am {name}"})
    return made


def _delete(client: FlaskClient, contact_id: int, who: str = "admin_token"):
    token = client.get("/sandbox/api/credentials").get_json()[who]
    return client.delete(
        f"/api/v1/accounts/1/contacts/{contact_id}", headers={"api_access_token": token}
    )


def test_deleting_a_contact_takes_their_conversations_along(client: FlaskClient):
    account = {
        "name": "Web",
        "channel": {"type": "web_widget", "website_url": "https://quay.example"},
    }
    token = client.get("/sandbox/api/credentials").get_json()["admin_token"]
    client.post("/api/v1/accounts/1/inboxes", json=account, headers={"api_access_token": token})
    gone, stays = _person(client, "Ilse"), _person(client, "Noor")
    assert _delete(client, gone, "agent_token").status_code == 401
    answer = _delete(client, gone)
    assert (answer.status_code, answer.data) == (200, b"")
    state = client.get("/sandbox/api/state").get_json()
    assert [contact["id"] for contact in state["contacts"]] == [stays]
    assert [thread["messages"][0]["content"] for thread in state["conversations"]] == ["I am Noor"]
    assert _delete(client, gone).status_code == 404
