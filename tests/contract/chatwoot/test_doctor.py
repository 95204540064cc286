"""What doctor says about Chatwoot, against the sandbox in good and bad shape."""

from __future__ import annotations

import pytest

from chatwoot import doctor
from chatwoot.client import Client
from chatwoot.provision import Learned, apply, load_manifest
from tests.contract.chatwoot.playing import opened

PUBLIC_URL = "https://9.9.9.9"
PATH_TOKEN = "path-token-0123456789abcdef0123456789"


@pytest.fixture
def shop():
    with opened() as shop:
        yield shop


@pytest.fixture
def manifest():
    return load_manifest()


def examined(client, manifest, learned=None, public_url=PUBLIC_URL, **other):
    found = doctor.checks(
        client, public_url=public_url, manifest=manifest, learned=learned or Learned(), **other
    )
    return {check.name: check for check in found}


def test_without_chatwoot_it_is_off(manifest):
    (check,) = examined(None, manifest).values()
    assert (check.name, check.state) == ("chatwoot", "off") and "CHATWOOT_URL" in check.todo


def test_after_provision_all_is_well(shop, manifest):
    learned = apply(shop.client(), manifest, PUBLIC_URL)
    found = examined(shop.client(), manifest, learned)
    assert {check.state for check in found.values()} == {"ok"}
    assert {"chatwoot.reachable", "chatwoot.clock", "chatwoot.version", "chatwoot.token",
            "chatwoot.webhook", "chatwoot.webhook.secret", "chatwoot.private-network"} == set(
        found)  # fmt: skip
    assert learned.webhook_secret not in repr(found)


def test_every_fault_says_what_to_do(shop, manifest):
    found = examined(shop.client(), manifest)
    assert found["chatwoot.webhook"].state == "fail"
    assert all(check.todo for check in found.values() if check.state in ("fail", "warn"))


def test_an_unreachable_chatwoot_ends_the_list(manifest):
    found = examined(Client("http://127.0.0.1:9", 1, "token"), manifest)
    assert [check.state for check in found.values()] == ["fail"]
    assert "chatwoot.reachable" in found


@pytest.mark.parametrize("token", ["wrong-token", "agent"])
def test_a_token_without_the_role_fails(shop, manifest, token):
    client = shop.client("agent") if token == "agent" else Client(shop.url, 1, token)
    found = examined(client, manifest)
    assert found["chatwoot.token"].state == "fail" and found["chatwoot.token"].todo
    assert token == "agent" or token not in repr(found)


def test_a_token_of_another_account_fails(shop, manifest):
    assert examined(shop.client(account_id=2), manifest)["chatwoot.token"].state == "fail"


def test_a_missing_subscription_is_named(shop, manifest):
    learned = apply(shop.client(), manifest, PUBLIC_URL)
    shop.client().account.update(
        "webhooks", learned.webhook_id, {"subscriptions": ["message_created"]}
    )
    check = examined(shop.client(), manifest, learned)["chatwoot.webhook"]
    assert check.state == "fail" and "conversation_updated" in check.detail


def test_a_secret_that_is_not_the_webhooks_fails(shop, manifest):
    learned = apply(shop.client(), manifest, PUBLIC_URL)
    name = "chatwoot.webhook.secret"
    assert examined(shop.client(), manifest)[name].state == "fail"
    wrong = examined(shop.client(), manifest, learned, webhook_secrets=("x" * 24,))
    assert wrong[name].state == "fail"
    both = ("x" * 24, learned.webhook_secret)
    assert examined(shop.client(), manifest, learned, webhook_secrets=both)[name].state == "ok"


def test_webhooks_to_old_or_doubled_addresses_are_pointed_out(shop, manifest):
    apply(shop.client(), manifest, "https://old.example.test")
    found = examined(shop.client(), manifest)
    assert "old.example.test" in found["chatwoot.webhook.other"].detail
    learned = apply(shop.client(), manifest, PUBLIC_URL)
    extra = {"url": f"{PUBLIC_URL}/webhooks/chatwoot/x", "subscriptions": ["message_created"]}
    shop.client().account.create("webhooks", extra)
    assert examined(shop.client(), manifest, learned)["chatwoot.webhook"].state == "warn"


def test_address_mode_wants_the_path_it_was_given(manifest):
    with opened("4.3.0") as shop:
        apply(shop.client(), manifest, PUBLIC_URL, webhook_token=PATH_TOKEN)
        good = examined(shop.client(), manifest, webhook_token=PATH_TOKEN)
        assert good["chatwoot.webhook"].state == "ok" and good["chatwoot.version"].state == "warn"
        assert "chatwoot.webhook.secret" not in good
        bad = examined(shop.client(), manifest, webhook_token="b" * 40)
        assert bad["chatwoot.webhook"].state == "fail"
        assert PATH_TOKEN not in repr((good, bad)) and "b" * 40 not in repr(bad)


@pytest.mark.parametrize(
    ("version", "url", "state"),
    [
        ("4.14.0", "http://10.0.0.5:8000", "fail"),
        ("4.14.1", "http://127.0.0.1:8000", "warn"),
        ("4.14.1", "http://[::1]:8000", "warn"),
        ("4.14.1", "http://192.168.1.9", "warn"),
        ("4.3.0", "http://10.0.0.5:8000", "ok"),
        ("4.14.0", "https://9.9.9.9", "ok"),
    ],
)
def test_private_networks(manifest, version, url, state):
    with opened(version) as shop:
        check = examined(shop.client(), manifest, public_url=url)["chatwoot.private-network"]
    assert check.state == state
    assert (state == "warn") == ("SAFE_FETCH_ALLOW_PRIVATE_NETWORK" in check.todo)


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, "ok"), (-30, "warn"), (30, "warn"), (90, "fail")]
)
def test_clocks(shop, manifest, seconds, state):
    shop.server.clock_ahead_seconds = seconds
    assert examined(shop.client(), manifest)["chatwoot.clock"].state == state
