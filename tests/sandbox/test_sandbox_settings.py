"""Roles, tokens, throttles and the objects that `provision` makes (api.md 1, 5 and 6)."""

from __future__ import annotations

import pytest

SIGN_IN = {"errors": ["You need to sign in or sign up before continuing."]}
NOT_ALLOWED = {"error": "You are not authorized to do this action"}
NOT_FOR_BOTS = {"error": "Access to this endpoint is not authorized for bots"}


def test_tokens(sandbox):
    answer = sandbox.stranger("GET", "/contacts")
    assert (answer.status_code, answer.json) == (401, SIGN_IN)
    wrong = sandbox.client.get("/api/v1/accounts/1/contacts", headers={"Api-Access-Token": "x"})
    assert (wrong.status_code, wrong.json) == (401, {"error": "Invalid Access Token"})
    other = sandbox.client.get("/api/v1/accounts/2/contacts", headers=sandbox.admin.headers)
    assert other.json == {"error": "You are not authorized to access this account"}
    token = sandbox.admin.headers["Api-Access-Token"]
    environ = {"HTTP_API_ACCESS_TOKEN": token}
    assert (
        sandbox.client.get("/api/v1/profile", environ_base=environ).json["role"] == "administrator"
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/inboxes"),
        ("GET", "/webhooks"),
        ("POST", "/labels"),
        ("POST", "/agent_bots"),
        ("POST", "/teams"),
        ("POST", "/agents"),
        ("POST", "/custom_attribute_definitions"),
    ],
)
def test_agents_may_not_change_settings(sandbox, method, path):
    answer = sandbox.agent(method, path, {"name": "x"} if method == "POST" else None)
    assert (answer.status_code, answer.json) == (401, NOT_ALLOWED)


def test_agents_see_their_inboxes_without_secrets(sandbox):
    number = sandbox.write(sandbox.customer())["conversation_id"]
    assert sandbox.agent("GET", f"/conversations/{number}").status_code == 401
    members = {"inbox_id": sandbox.widget, "user_ids": [sandbox.agent_id]}
    assert sandbox.admin("PATCH", "/inbox_members", members).json["payload"][0]["id"] == 2
    assert sandbox.agent("GET", f"/conversations/{number}").status_code == 200
    path = f"/inboxes/{sandbox.widget}"
    assert "hmac_token" not in sandbox.agent("GET", path).json
    assert "hmac_token" in sandbox.admin("GET", path).json


def test_bot_tokens_write_but_do_not_read(sandbox):
    number = sandbox.write(sandbox.customer())["conversation_id"]
    bot = sandbox.admin("POST", "/agent_bots", {"name": "Bot"}).json
    caller = type(sandbox.admin)(sandbox.client, bot["access_token"])
    sent = caller("POST", f"/conversations/{number}/messages", {"content": "x"}).json
    assert sent["sender"] == {"id": bot["id"], "name": "Bot", "avatar_url": "", "type": "agent_bot"}
    for path in ("/contacts", f"/conversations/{number}", f"/conversations/{number}/messages"):
        answer = caller("GET", path)
        assert (answer.status_code, answer.json) == (401, NOT_FOR_BOTS)
    labels = caller("POST", f"/conversations/{number}/labels", {"labels": ["x"]})
    assert labels.json == NOT_FOR_BOTS


def test_missing_things(sandbox):
    answer = sandbox.admin("GET", "/contacts/9")
    assert (answer.status_code, answer.json) == (404, {"error": "Resource could not be found"})
    assert sandbox.admin("GET", "/no-such-thing").status_code == 404


def test_throttle_is_plain_text(sandbox):
    sandbox.faults(rate_limit_per_minute=3)
    # A minute may turn between two calls, so look at more calls than two windows allow.
    answers = [sandbox.admin("GET", "/labels") for _ in range(8)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited and answers[0].status_code == 200
    assert limited[0].data == b"Retry later\n"
    assert limited[0].mimetype == "text/plain"
    assert "Retry-After" not in limited[0].headers


def test_search_has_its_own_throttle(sandbox):
    sandbox.faults(contact_search_limit_per_minute=2)
    searches = [sandbox.admin("GET", "/contacts/search?q=a").status_code for _ in range(6)]
    assert searches[0] == 200 and 429 in searches
    assert sandbox.admin("GET", "/contacts").status_code == 200


def test_widget_inbox(sandbox):
    inbox = sandbox.make_widget(greeting_enabled=True, timezone="Europe/London")
    assert (inbox["channel_type"], inbox["timezone"]) == ("Channel::WebWidget", "Europe/London")
    assert inbox["website_token"] in inbox["web_widget_script"]
    hours = [
        {
            "day_of_week": 6,
            "open_hour": 10,
            "open_minutes": 0,
            "close_hour": 14,
            "close_minutes": 0,
            "closed_all_day": False,
        },
        {"day_of_week": 1, "open_hour": 17, "close_hour": 9},
    ]
    body = {"working_hours": hours, "channel": {"hmac_mandatory": True}}
    changed = sandbox.admin("PATCH", f"/inboxes/{inbox['id']}", body).json
    days = {row["day_of_week"]: row for row in changed["working_hours"]}
    assert (days[6]["open_hour"], days[6]["closed_all_day"]) == (10, False)
    assert days[1]["open_hour"] == 9, "closing before opening is ignored"
    assert changed["hmac_mandatory"] is True
    assert changed["widget_color"] == "#1f93ff"


@pytest.mark.parametrize(
    ("path", "body", "attribute"),
    [
        ("/labels", {"title": "vip"}, "title"),
        (
            "/canned_responses",
            {"canned_response": {"short_code": "hi", "content": "x"}},
            "short_code",
        ),
        ("/webhooks", {"url": "https://a.test/h", "subscriptions": ["message_created"]}, "url"),
        (
            "/custom_attribute_definitions",
            {"attribute_display_name": "A", "attribute_key": "a", "attribute_model": 1},
            "attribute_key",
        ),
    ],
)
def test_things_are_unique(sandbox, path, body, attribute):
    assert sandbox.admin("POST", path, body).status_code == 200
    again = sandbox.admin("POST", path, body)
    assert (again.status_code, again.json["attributes"]) == (422, [attribute])


def test_webhooks_carry_the_secret_where_the_release_signs(sandbox, old_sandbox):
    body = {"webhook": {"url": "https://a.test/h", "subscriptions": ["message_created"]}}
    made = sandbox.admin("POST", "/webhooks", body).json["payload"]["webhook"]
    assert set(made) == {"id", "name", "url", "account_id", "subscriptions", "secret"}
    old = old_sandbox.admin("POST", "/webhooks", body).json["payload"]["webhook"]
    assert "secret" not in old
    wrong = {"url": "https://b.test", "subscriptions": ["conversation_resolved"]}
    assert sandbox.admin("POST", "/webhooks", wrong).json["attributes"] == ["subscriptions"]
    path = f"/webhooks/{made['id']}"
    assert sandbox.admin("DELETE", path).data == b""


def test_definitions_speak_names(sandbox):
    body = {
        "attribute_display_name": "Plan",
        "attribute_key": "plan",
        "attribute_model": 1,
        "attribute_display_type": 6,
        "attribute_values": ["a"],
    }
    made = sandbox.admin("POST", "/custom_attribute_definitions", body).json
    assert (made["attribute_display_type"], made["attribute_model"]) == (
        "list",
        "contact_attribute",
    )
    listed = sandbox.admin("GET", "/custom_attribute_definitions?attribute_model=contact_attribute")
    assert listed.json == [made]
    clash = sandbox.admin(
        "POST", "/custom_attribute_definitions", {**body, "attribute_key": "email"}
    )
    assert clash.json["attributes"] == ["attribute_key"]


def test_dashboard_apps_and_macros(sandbox):
    frame = {"type": "frame", "url": "https://a.test/panel"}
    app = sandbox.agent(
        "POST", "/dashboard_apps", {"dashboard_app": {"title": "R", "content": [frame]}}
    )
    assert set(app.json) == {"id", "title", "content", "created_at"}
    assert sandbox.agent("DELETE", f"/dashboard_apps/{app.json['id']}").status_code == 204
    macro = sandbox.admin("POST", "/macros", {"name": "M", "actions": []}).json["payload"]
    assert sandbox.admin("GET", "/macros").json["payload"] == [macro]


def test_versions(sandbox, old_sandbox):
    assert sandbox.client.get("/api").json["version"] == "4.14.1"
    assert sandbox.client.get("/health").json == {"status": "woot"}
    assert old_sandbox.client.get("/health").status_code == 404
