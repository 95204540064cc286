"""The sandbox's website widget: its script, its frame, and the proof of who is writing."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from flask.testing import FlaskClient

from chatwoot.sandbox.app import create_sandbox


@pytest.fixture
def http() -> FlaskClient:
    return create_sandbox(None, public_url="http://localhost").test_client()


@pytest.fixture
def inbox(http: FlaskClient) -> dict:
    told = http.get("/sandbox/api/credentials").json
    answer = http.post(
        f"/api/v1/accounts/{told['account_id']}/inboxes",
        json={
            "name": "Web",
            "channel": {"type": "web_widget", "website_url": "https://quay.example"},
        },
        headers={"api_access_token": told["admin_token"]},
    )
    return answer.json


def call(http: FlaskClient, method: str, path: str, inbox: dict, **kwargs):
    query = {"website_token": inbox["website_token"], **kwargs.pop("query", {})}
    return http.open(f"/api/v1/widget{path}", method=method, query_string=query, **kwargs)


def set_user(http: FlaskClient, inbox: dict, identifier: str, key: str, **more: str):
    proof = hmac.new(key.encode(), identifier.encode(), hashlib.sha256).hexdigest()
    body = {"identifier": identifier, "identifier_hash": proof, "name": "Ilse", **more}
    return call(http, "PATCH", "/contact/set_user", inbox, json=body)


def test_script_and_frame_are_there(http: FlaskClient, inbox: dict):
    assert b"chatwootSDK" in http.get("/packs/js/sdk.js").data
    assert http.get(f"/widget?website_token={inbox['website_token']}").status_code == 200
    assert http.get("/widget?website_token=other").status_code == 404


def test_a_visitor_writes_and_reads_the_own_thread_alone(http: FlaskClient, inbox: dict):
    told = call(http, "POST", "/messages", inbox, json={"content": "Hello"}).json
    mine = call(http, "GET", "/messages", inbox, query={"visitor": told["visitor"]}).json
    assert [one["content"] for one in mine["messages"]] == ["Hello"]
    other = call(http, "GET", "/messages", inbox, query={"visitor": "guessed"}).json
    assert other["messages"] == []
    for content in ("", " ", "x" * 10_001):
        answer = call(http, "POST", "/messages", inbox, json={"content": content})
        assert answer.status_code == 422


def test_only_a_right_hash_identifies(http: FlaskClient, inbox: dict):
    assert set_user(http, inbox, "CUS-1", "wrong").status_code == 401
    said = call(http, "POST", "/messages", inbox, json={"content": "Hello"}).json["visitor"]
    told = set_user(http, inbox, "CUS-1", inbox["hmac_token"], visitor=said).json
    assert told["visitor"] == said
    again = set_user(http, inbox, "CUS-1", inbox["hmac_token"]).json
    assert again["visitor"] != said
    contacts = [one["identifier"] for one in http.get("/sandbox/api/customers").json["customers"]]
    assert contacts.count("CUS-1") == 1


def test_a_visitor_presses_a_button_of_the_own_thread(http: FlaskClient, inbox: dict):
    visitor = call(http, "POST", "/messages", inbox, json={"content": "Hello"}).json["visitor"]
    told = http.get("/sandbox/api/credentials").json
    number = http.get("/sandbox/api/conversations").json["conversations"][0]["id"]
    items = [{"title": "Phone", "value": "a"}, {"title": "Laptop", "value": "b"}]
    asked = http.post(
        f"/api/v1/accounts/{told['account_id']}/conversations/{number}/messages",
        json={
            "content": "Which?",
            "content_type": "input_select",
            "content_attributes": {"items": items},
        },
        headers={"api_access_token": told["admin_token"]},
    ).json
    shown = call(http, "GET", "/messages", inbox, query={"visitor": visitor}).json["messages"]
    assert shown[-1]["items"] == items and shown[0]["items"] == []
    answer = {"visitor": visitor, "message": {"submitted_values": items[:1]}}
    path = f"/messages/{asked['id']}"
    assert call(http, "PATCH", path, inbox, json=answer | {"visitor": "x"}).status_code == 404
    assert call(http, "PATCH", f"/messages/{shown[0]['id']}", inbox, json=answer).status_code == 404
    assert call(http, "PATCH", path, inbox, json=answer | {"message": 7}).status_code == 422
    assert call(http, "PATCH", path, inbox, json=answer).json == {"submitted_values": items[:1]}
    shown = call(http, "GET", "/messages", inbox, query={"visitor": visitor}).json["messages"]
    assert shown[-1]["items"] == []


def test_the_page_learns_how_its_customer_presses_a_button(http: FlaskClient, inbox: dict):
    made = http.post("/sandbox/api/customers", json={"name": "Ada"}).json
    seen = http.get(f"/sandbox/api/customers/{made['contact']['id']}/messages").json
    visitor = made["session"]["source_id"]
    assert seen["widget"] == {"website_token": inbox["website_token"], "visitor": visitor}
    told = http.get("/sandbox/api/credentials").json
    stranger = http.post(
        f"/api/v1/accounts/{told['account_id']}/contacts",
        json={"name": "By phone"},
        headers={"api_access_token": told["admin_token"]},
    ).json["payload"]["contact"]
    seen = http.get(f"/sandbox/api/customers/{stranger['id']}/messages").json
    assert seen == {"messages": [], "widget": None}
