"""Provisioning against the sandbox: made once, adopted when there, nothing else touched."""

from __future__ import annotations

import pytest
import yaml

from chatwoot import names
from chatwoot.provision import SHIPPED, Learned, apply, load_manifest, plan
from crm.core.errors import Denied, Invalid
from tests.contract.chatwoot.playing import opened

PUBLIC_URL = "https://repairs.example.test"
PATH_TOKEN = "path-token-0123456789abcdef0123456789"
KINDS = (
    "label", "definition", "canned", "team", "macro", "dashboard_app", "webhook", "bot",
    "inbox",
)  # fmt: skip


@pytest.fixture(params=["4.14.1", "4.3.0", "3.9.0"])
def any_shop(request):
    with opened(request.param) as shop:
        yield shop


@pytest.fixture
def shop():
    with opened() as shop:
        yield shop


@pytest.fixture
def manifest():
    return load_manifest(timezone="Europe/Lisbon")


def actions(changes):
    return {(change.kind, change.name): change.action for change in changes}


def test_everything_is_made_once_and_the_second_run_writes_nothing(any_shop, manifest):
    client, told = any_shop.client(), {"webhook_token": PATH_TOKEN}
    planned = plan(client, manifest, PUBLIC_URL, **told)
    assert {change.action for change in planned} == {"create"}
    assert any_shop.session.writes == []

    learned = apply(client, manifest, PUBLIC_URL, **told)
    assert any_shop.session.writes
    any_shop.session.writes.clear()

    assert apply(client, manifest, PUBLIC_URL, learned=learned, **told) == learned
    assert any_shop.session.writes == []
    again = plan(client, manifest, PUBLIC_URL, learned=learned, **told)
    assert {change.action for change in again} == {"ok"}
    assert len(again) == len(planned) == sum(len(any_shop.rows(kind)) for kind in KINDS)


def test_what_is_made_is_what_was_asked_for(shop, manifest):
    apply(shop.client(), manifest, PUBLIC_URL)
    (inbox,) = shop.rows("inbox")
    assert inbox["hmac_mandatory"] is True and inbox["timezone"] == "Europe/Lisbon"
    assert inbox["website_url"] == PUBLIC_URL and inbox["bot_id"] is None
    hours = [(day["closed_all_day"], day["open_hour"], day["close_hour"])
             for day in inbox["working_hours"]]  # fmt: skip
    assert hours[1:6] == [(False, 9, 18)] * 5 and hours[6] == (False, 10, 16) and hours[0][0]
    assert [row["name"] for row in inbox["pre_chat_form_options"]["pre_chat_fields"]] == [
        "fullName", "emailAddress", "phoneNumber",
    ]  # fmt: skip

    (webhook,) = shop.rows("webhook")
    assert webhook["url"] == f"{PUBLIC_URL}/webhooks/chatwoot"
    assert set(webhook["subscriptions"]) == {
        "conversation_created", "conversation_status_changed", "conversation_updated",
        "message_created", "message_updated", "contact_created", "contact_updated",
    }  # fmt: skip
    (bot,) = shop.rows("bot")
    assert bot["outgoing_url"] == f"{PUBLIC_URL}/webhooks/chatwoot/bot"
    (panel,) = shop.rows("dashboard_app")
    assert panel["content"] == [{"type": "frame", "url": f"{PUBLIC_URL}/panel"}]
    assert {row["title"] for row in shop.rows("label")} == {
        *names.FIXED_LABELS, *names.STATUS_OF_LABEL,
    }  # fmt: skip
    codes = {row["short_code"] for row in shop.rows("canned")}
    assert {"ready", "ready_pt", "quote", "delay", "hours", "warranty", "backup_pt"} <= codes


def test_attribute_definitions_follow_the_names(shop, manifest):
    apply(shop.client(), manifest, PUBLIC_URL)
    for model, wanted in (
        ("contact_attribute", names.CONTACT_ATTRIBUTES),
        ("conversation_attribute", names.CONVERSATION_ATTRIBUTES),
    ):
        rows = shop.client().account.items("attribute_definitions", attribute_model=model)
        there = {row["attribute_key"]: row["attribute_display_type"] for row in rows}
        assert there == {key: attribute.display_type for key, attribute in wanted.items()}


def test_secrets_are_read_back(shop, manifest):
    learned = apply(shop.client(), manifest, PUBLIC_URL)
    (inbox,), (webhook,), (bot,) = (shop.rows(kind) for kind in ("inbox", "webhook", "bot"))
    assert (learned.webhook_id, learned.webhook_secret) == (webhook["id"], webhook["secret"])
    assert (learned.bot_id, learned.bot_token) == (bot["id"], bot["access_token"])
    assert learned.bot_secret == bot["secret"]
    assert (learned.inbox_id, learned.website_token) == (inbox["id"], inbox["website_token"])
    assert learned.hmac_token == inbox["hmac_token"]
    for secret in (webhook["secret"], bot["access_token"], bot["secret"], inbox["hmac_token"]):
        assert secret not in repr(learned)


def test_a_version_that_does_not_sign_gets_a_secret_address(manifest):
    with opened("4.3.0") as shop:
        with pytest.raises(Invalid, match="CHATWOOT_WEBHOOK_TOKEN"):
            apply(shop.client(), manifest, PUBLIC_URL)
        assert shop.session.writes == []
        learned = apply(shop.client(), manifest, PUBLIC_URL, webhook_token=PATH_TOKEN)
        assert learned.webhook_secret is None
        assert shop.rows("webhook")[0]["url"] == f"{PUBLIC_URL}/webhooks/chatwoot/{PATH_TOKEN}"
        changes = plan(shop.client(), manifest, PUBLIC_URL, webhook_token="b" * 40)
        assert actions(changes)["webhooks", f"{PUBLIC_URL}/webhooks/chatwoot"] == "update"
        assert PATH_TOKEN not in repr(changes) and "b" * 40 not in repr(changes)


def test_what_is_there_is_adopted_and_only_differences_are_written(shop, manifest):
    client = shop.client()
    theirs = client.account.create("labels", {"title": "needs-human", "color": "#000000"})
    client.account.create("canned_responses", {"short_code": "hours", "content": "9 to 5"})
    inbox = client.account.create(
        "inboxes",
        {"name": "Our chat", "channel": {"type": "web_widget", "website_url": PUBLIC_URL + "/"}},
    )
    hook = client.account.create(
        "webhooks",
        {"url": f"{PUBLIC_URL}/webhooks/chatwoot/old-path", "subscriptions": ["message_created"]},
    )
    by_name = {(c.kind, c.name): c for c in plan(client, manifest, PUBLIC_URL)}
    assert by_name["labels", "needs-human"].differences["color"] == ("#000000", "#FF2D55")
    assert by_name["inboxes", "Website chat"].differences["name"] == ("Our chat", "Website chat")

    learned = apply(client, manifest, PUBLIC_URL)
    assert (learned.inbox_id, learned.webhook_id) == (inbox["id"], hook["id"])
    assert len(shop.rows("inbox")) == len(shop.rows("webhook")) == 1
    assert shop.store.get("label", theirs["id"])["color"] == "#FF2D55"
    assert not [write for write in shop.session.writes if write[0] in ("DELETE", "PUT")]


def test_a_fitting_row_is_adopted_without_a_write(shop, manifest):
    apply(shop.client(), manifest, PUBLIC_URL)
    shop.session.writes.clear()
    changes = actions(plan(shop.client(), manifest, PUBLIC_URL, learned=Learned()))
    assert changes["inboxes", "Website chat"] == "adopt"
    assert changes["agent_bots", "Assistant"] == "adopt"
    assert changes["labels", "needs-human"] == "ok"
    assert apply(shop.client(), manifest, PUBLIC_URL).hmac_token
    assert shop.session.writes == []


def test_secrets_of_a_row_that_is_gone_are_forgotten(shop, manifest):
    old = Learned(webhook_id=999, webhook_secret="stale", bot_id=998, bot_secret="stale")
    learned = apply(shop.client(), manifest, PUBLIC_URL, learned=old)
    assert "stale" not in (learned.webhook_secret, learned.bot_secret)


def test_what_the_manifest_does_not_name_is_left_alone(shop, manifest):
    client = shop.client()
    other = [
        ("label", client.account.create("labels", {"title": "vip", "color": "#111111"})),
        ("canned",
         client.account.create("canned_responses", {"short_code": "bye", "content": "Bye"})),
        ("webhook", client.account.create(
            "webhooks", {"url": "https://else.test/in", "subscriptions": ["message_created"]}
        )),
        ("inbox", client.account.create("inboxes", {"name": "Other", "channel": {
            "type": "web_widget", "website_url": "https://other.example.test"}})),
        ("bot", client.account.create("agent_bots", {"name": "Other bot", "outgoing_url":
                                                     "https://else.example.test/bot"})),
    ]  # fmt: skip
    before = [shop.store.get(kind, row["id"]).copy() for kind, row in other]
    apply(client, manifest, PUBLIC_URL)
    assert [shop.store.get(kind, row["id"]) for kind, row in other] == before


def test_the_bot_is_connected_only_when_asked(shop, manifest):
    apply(shop.client(), manifest, PUBLIC_URL)
    manifest.bot["connect"] = True
    changes = actions(plan(shop.client(), manifest, PUBLIC_URL))
    assert changes["inbox_agent_bot", "bot of the website inbox"] == "create"
    learned = apply(shop.client(), manifest, PUBLIC_URL)
    assert shop.rows("inbox")[0]["bot_id"] == learned.bot_id
    shop.session.writes.clear()
    apply(shop.client(), manifest, PUBLIC_URL)
    assert shop.session.writes == []


def test_an_unsigned_bot_is_never_connected(manifest):
    manifest.bot["connect"] = True
    with opened("4.12.0") as shop, pytest.raises(Invalid, match="bot.connect"):
        apply(shop.client(), manifest, PUBLIC_URL)


def test_an_agents_token_is_not_enough(shop, manifest):
    with pytest.raises(Denied):
        apply(shop.client("agent"), manifest, PUBLIC_URL)


@pytest.mark.parametrize(
    ("where", "value", "path"),
    [
        (("inbox", "hours", "mon"), "18:00-09:00", "inbox.hours.mon"),
        (("inbox", "hours", "moonday"), "closed", "inbox.hours.moonday"),
        (("inbox", "hmac_mandatory"), False, "inbox.hmac_mandatory"),
        (("inbox", "timezone"), "Mars/Olympus", "inbox.timezone"),
        (("inbox", "name"), "<b>Chat</b>", "inbox.name"),
        (("inbox", "color"), "red", "inbox.color"),
        (("inbox", "pre_chat_form", "fields"), [{"name": "iban", "label": "x"}],
         "inbox.pre_chat_form.fields.0.name"),
        (("webhook", "subscriptions"), ["conversation_typing_on"], "webhook.subscriptions.0"),
        (("labels", "needs-human", "color"), "red", "labels.needs-human.color"),
        (("labels", "Two Words"), {"color": "#000000"}, "labels.Two Words"),
        (("attribute_names",), {"iban": "x"}, "attribute_names.iban"),
        (("canned_responses", "ready", "en"), "{{contact.custom_attribute.iban}}",
         "canned_responses.ready.en"),
        (("macros",), [{"name": "x", "actions": [{"assign_team": "night shift"}]}],
         "macros.0.actions"),
        (("macros",), [{"name": "x", "actions": [{"send_webhook_event": "x"}]}],
         "macros.0.actions.0.send_webhook_event"),
        (("bots",), {}, "bots"),
    ],
)  # fmt: skip
def test_a_fault_in_the_manifest_is_named_by_its_path(tmp_path, where, value, path):
    raw = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    *parents, last = where
    inner = raw
    for step in parents:
        inner = inner[step]
    inner[last] = value
    file = tmp_path / "manifest.yml"
    file.write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(Invalid) as caught:
        load_manifest(file)
    assert list(caught.value.errors) == [path]
    assert path in caught.value.detail


@pytest.mark.parametrize("text", ["", "inbox: [", "- 1", "text", "inbox: 3", "\x00"])
def test_a_broken_manifest_is_refused(tmp_path, text):
    file = tmp_path / "manifest.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Invalid):
        load_manifest(file)
