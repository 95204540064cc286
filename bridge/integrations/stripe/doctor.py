"""The doctor's lines about Stripe: whether the key works, what it moves, and who tells us.

Without Stripe's library, which the doctor of a shop that takes no cards does not need.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests

from bridge.integrations.stripe.events import FETCHED
from bridge.integrations.stripe.verify import PATH
from bridge.settings import StripeSettings
from crm.core.checks import Check

SECONDS = 5.0
HERE = ("http://localhost", "http://127.0.0.1")


def checks(told: StripeSettings | None, public_url: str) -> Iterator[Check]:
    if told is None:
        yield Check("stripe", "off", "no card payments", "Set STRIPE_SECRET_KEY.")
        return
    yield _key(told)
    yield _mode(told, public_url)
    yield _webhook(told, public_url)


def _key(told: StripeSettings) -> Check:
    if not told.secret_key.startswith(("sk_", "rk_")):
        return Check("stripe", "fail", "STRIPE_SECRET_KEY is no secret key",
                     "Copy the key that begins with sk_ or rk_ from Stripe's dashboard.")  # fmt: skip
    try:
        answer = _get(told, "balance")
    except requests.RequestException as error:
        return Check("stripe", "fail", f"not reachable: {type(error).__name__}",
                     "Check STRIPE_API_BASE and the way out to it.")  # fmt: skip
    if answer.status_code == 403:
        return Check("stripe", "warn", "the restricted key may not read the balance",
                     "Allow it: Checkout Sessions and Refunds write; Payment Intents, Charges, "
                     "Disputes, Events, Balance and Webhook Endpoints read.")  # fmt: skip
    if answer.status_code != 200:
        return Check("stripe", "fail", f"answers {answer.status_code}", "Check STRIPE_SECRET_KEY.")
    return Check("stripe", "ok", "reachable, the key is accepted")


def _mode(told: StripeSettings, public_url: str) -> Check:
    if "_test_" not in told.secret_key:
        return Check("stripe.mode", "ok", "live: cards are charged")
    if public_url.startswith(HERE):
        return Check("stripe.mode", "ok", "test: no money moves")
    return Check("stripe.mode", "warn", "test: no money moves",
                 "Set a live key, and the secret of a live webhook, before customers pay.")  # fmt: skip


def _webhook(told: StripeSettings, public_url: str) -> Check:
    name, address = "stripe.webhook", f"{public_url}{PATH}"
    if not told.webhook_secrets:
        todo = f"Add {address} in Stripe's dashboard and set its secret as STRIPE_WEBHOOK_SECRET."
        if public_url.startswith(HERE):
            todo = f"Run stripe listen --forward-to {address} and set the secret it prints."
        return Check(name, "warn", "no secret: payments show after minutes, by asking only", todo)
    if public_url.startswith(HERE):
        return Check(name, "ok", "a secret is set; Stripe itself cannot reach this address")
    try:
        answer = _get(told, "webhook_endpoints?limit=100")
        endpoints = answer.json()["data"] if answer.status_code == 200 else None
        ours = [one for one in endpoints or () if one["url"].rstrip("/") == address]
        heard = {kind for one in ours if one["status"] == "enabled" for kind in _heard(one)}
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        return Check(name, "warn", f"cannot be read: {type(error).__name__}",
                     f"See in Stripe's dashboard that {address} is enabled.")  # fmt: skip
    if endpoints is None:
        return Check(name, "ok", "a secret is set; the key may not list webhooks")
    if not ours:
        return Check(name, "warn", "Stripe has no webhook to this address",
                     f"Add {address} in Stripe's dashboard.")  # fmt: skip
    missing = sorted(set(FETCHED) - heard)
    if missing:
        return Check(name, "warn", f"not told about {', '.join(missing)}",
                     "Select these events at the webhook in Stripe's dashboard.")  # fmt: skip
    return Check(name, "ok", "enabled, with every event")


def _heard(endpoint: dict[str, Any]) -> list[str]:
    events = endpoint["enabled_events"]
    return list(FETCHED) if "*" in events else events


def _get(told: StripeSettings, path: str) -> requests.Response:
    return requests.get(
        f"{told.api_base.rstrip('/')}/v1/{path}",
        auth=(told.secret_key, ""),
        timeout=SECONDS,
        allow_redirects=False,
    )
