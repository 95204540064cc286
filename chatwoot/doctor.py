"""Says whether Chatwoot and this service can work together, and what to do where they cannot.

Reads only. Printing and the exit code are the command's business.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from chatwoot.client import Client
from chatwoot.objects import Health
from chatwoot.provision.manifest import Manifest
from chatwoot.provision.run import Learned
from chatwoot.provision.wanted import HOOK_PATH, Row, is_our_hook
from chatwoot.versions import Capabilities, capabilities_of, parse
from crm.core import clock
from crm.core.checks import Check
from crm.core.errors import Denied, Outward

OLDEST = (3, 9, 0)
# The Date header has whole seconds and the answer travels a while.
DRIFT_WARN_SECONDS = 5
DRIFT_FAIL_SECONDS = 60
PROVISION = "Run provision."


def checks(
    client: Client | None,
    *,
    public_url: str,
    manifest: Manifest,
    learned: Learned,
    webhook_secrets: tuple[str, ...] = (),
    webhook_token: str | None = None,
) -> list[Check]:
    """All checks, in the order in which faults should be mended.

    client: None when Chatwoot is not set up. webhook_secrets: from the settings; they win over
    the learned one. webhook_token: address mode. A fault that makes later checks pointless ends
    the list.
    """
    if client is None:
        todo = "Set CHATWOOT_URL, CHATWOOT_ACCOUNT_ID and CHATWOOT_API_TOKEN."
        return [Check("chatwoot", "off", "Chatwoot is not connected", todo)]
    found = []
    try:
        secrets = webhook_secrets or tuple(filter(None, [learned.webhook_secret]))
        for check in _all(client, public_url.rstrip("/"), manifest, secrets, webhook_token):
            found.append(check)
    except Denied as error:
        todo = "Set CHATWOOT_API_TOKEN to the access token of an administrator of this account."
        found.append(Check("chatwoot.token", "fail", error.detail, todo))
    except Outward as error:
        todo = "Check CHATWOOT_URL, and that Chatwoot runs and can be reached from here."
        found.append(Check("chatwoot.reachable", "fail", error.detail, todo))
    return found


def _all(
    client: Client,
    public_url: str,
    manifest: Manifest,
    secrets: tuple[str, ...],
    webhook_token: str | None,
) -> Iterator[Check]:
    health = client.installation.health()
    yield _reachable(health)
    yield _drift(health.at, clock.now())
    try:
        version = parse(health.version)
    except ValueError:
        todo = "Check that CHATWOOT_URL is Chatwoot's own address."
        yield Check("chatwoot.version", "fail", "the answer names no version", todo)
        return
    can = capabilities_of(version)
    yield _version(version, can)
    yield _role(client)
    hooks = client.account.items("webhooks")
    ours = [hook for hook in hooks if is_our_hook(hook["url"], public_url)]
    yield _webhook(ours, public_url, manifest, can, webhook_token)
    if can.signs_webhooks and ours:
        yield _secret(ours, secrets)
    strays = [hook for hook in hooks if HOOK_PATH in hook["url"] and hook not in ours]
    if strays:
        hosts = ", ".join(sorted({urlsplit(hook["url"]).netloc for hook in strays}))
        todo = "Delete the old webhook in Chatwoot unless another installation uses it."
        yield Check("chatwoot.webhook.other", "warn", f"a webhook also goes to {hosts}", todo)
    yield _private_network(public_url, can)


def _reachable(health: Health) -> Check:
    if health.queue_ok and health.data_ok:
        return Check("chatwoot.reachable", "ok", "Chatwoot answers")
    todo = "Look at Chatwoot's Redis, database and sidekiq: without them no webhook is sent."
    return Check("chatwoot.reachable", "warn", "Chatwoot reports a failing store", todo)


def _drift(theirs: datetime | None, ours: datetime) -> Check:
    name = "chatwoot.clock"
    if theirs is None:
        return Check(name, "warn", "Chatwoot does not tell its time")
    seconds = abs((ours - theirs).total_seconds())
    if seconds <= DRIFT_WARN_SECONDS:
        return Check(name, "ok", "clocks agree")
    state = "fail" if seconds > DRIFT_FAIL_SECONDS else "warn"
    todo = "Set both clocks by NTP: signatures are refused when they differ by five minutes."
    return Check(name, state, f"clocks differ by {seconds:.0f} s", todo)


def _version(version: tuple[int, int, int], can: Capabilities) -> Check:
    name, told = "chatwoot.version", ".".join(map(str, version))
    if version < OLDEST:
        return Check(name, "fail", f"version {told}", "Upgrade Chatwoot to 3.9 or newer.")
    if not can.signs_webhooks:
        todo = "Upgrade to 4.11.2 or newer for signed webhooks; until then an address is the proof."
        return Check(name, "warn", f"version {told} does not sign webhooks", todo)
    return Check(name, "ok", f"version {told}")


def _role(client: Client) -> Check:
    name, accounts = "chatwoot.token", client.profile().get("accounts") or []
    role = next((row.get("role") for row in accounts if row.get("id") == client.account_id), None)
    if role == "administrator":
        return Check(name, "ok", "the token is an administrator's")
    todo = "Use the access token of an administrator of the account in CHATWOOT_ACCOUNT_ID."
    told = f"the token's role is {role}" if role else "the token does not belong to this account"
    return Check(name, "fail", told, todo)


def _webhook(
    ours: list[Row],
    public_url: str,
    manifest: Manifest,
    can: Capabilities,
    webhook_token: str | None,
) -> Check:
    name = "chatwoot.webhook"
    if not ours:
        return Check(name, "fail", f"no webhook leads to {public_url}{HOOK_PATH}", PROVISION)
    if len(ours) > 1:
        todo = "Delete all but one in Chatwoot: every event arrives several times."
        return Check(name, "warn", f"{len(ours)} webhooks lead here", todo)
    tail = "" if can.signs_webhooks else f"/{webhook_token or ''}"
    if not hmac.compare_digest(ours[0]["url"].encode(), f"{public_url}{HOOK_PATH}{tail}".encode()):
        return Check(name, "fail", "the webhook leads to another path than expected", PROVISION)
    missing = set(manifest.webhook["subscriptions"]) - set(ours[0].get("subscriptions") or ())
    if missing:
        return Check(name, "fail", f"not subscribed: {', '.join(sorted(missing))}", PROVISION)
    return Check(name, "ok", "present and subscribed")


def _secret(ours: list[Row], secrets: tuple[str, ...]) -> Check:
    name = "chatwoot.webhook.secret"
    if not secrets:
        return Check(name, "fail", "the webhook's secret is not known", PROVISION)
    theirs = str(ours[0].get("secret") or "")
    if theirs and not any(hmac.compare_digest(theirs.encode(), own.encode()) for own in secrets):
        todo = "Remove CHATWOOT_WEBHOOK_SECRET or set it to Chatwoot's, then run provision."
        return Check(name, "fail", "the known secret is not the webhook's", todo)
    return Check(name, "ok", "known")


def _private_network(public_url: str, can: Capabilities) -> Check:
    name = "chatwoot.private-network"
    if not is_private(urlsplit(public_url).hostname or ""):
        return Check(name, "ok", "PUBLIC_URL is a public address")
    if not can.blocks_private_hosts:
        return Check(name, "ok", "PUBLIC_URL is private; this Chatwoot sends there")
    if not can.can_allow_private_hosts:
        todo = "Give PUBLIC_URL a public name, or upgrade Chatwoot to 4.14.1 or newer."
        return Check(name, "fail", "Chatwoot 4.14.0 never sends to a private PUBLIC_URL", todo)
    todo = "Set SAFE_FETCH_ALLOW_PRIVATE_NETWORK=true on Chatwoot's web and sidekiq."
    return Check(name, "warn", "PUBLIC_URL is private: Chatwoot sends there only if allowed", todo)


def is_private(host: str) -> bool:
    """Whether a host name or address lies in a private network, as far as this machine can tell."""
    try:
        addresses = [ipaddress.ip_address(host)]
    except ValueError:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return "." not in host or host.endswith((".local", ".internal", ".localhost"))
        addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    return any(not address.is_global for address in addresses)
