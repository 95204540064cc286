"""Delivers `webhooks.post`. Whoever hears an event twice knows it by its `webhook-id`.

Any answer but 2xx is tried again on the ladder, over days; 410 ends the subscription. What was owed
to one that ended is cancelled. Redirects are not followed. Targets in a private network need an entry
in WEBHOOK_PRIVATE_NETWORKS (rule 19).
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult

from urllib3.exceptions import HTTPError

from bridge.integrations import targets
from bridge.integrations.standard import signature
from crm.core.errors import Obsolete, Permanent, Temporary
from crm.core.headers import retry_after
from crm.core.integration import Integration, PlainDeliverer
from crm.core.outbox import Effect
from crm.core.uow import UnitOfWork, Units, refuse_inside_unit
from crm.core.vault import Seal
from crm.outgoing.owing import KIND
from crm.subscriptions import service as subscriptions

NAME = "webhooks"
MOST_ANSWER = 1024
GONE = "410"


class Targets:
    """Which addresses may be posted to. private: networks that are allowed although private."""

    def __init__(self, private: Sequence[str]):
        self._private = [ipaddress.ip_network(one) for one in private]

    def may_call(self, address: str) -> bool:
        ip = ipaddress.ip_address(address.partition("%")[0])
        return targets.is_public(address) or self._is_listed(ip)

    def find(self, url: str) -> tuple[SplitResult, str]:
        """The parts of a target and the checked address to call.

        Raises Permanent (may never be called), Temporary (its name is not known now).
        """
        parts = targets.split(url)
        address = targets.resolve(parts, self.may_call)
        if parts.scheme != "https" and not self._is_listed(ipaddress.ip_address(address)):
            raise Permanent("only https, outside of networks of one's own")
        return parts, address

    def _is_listed(self, ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return any(ip in network for network in self._private if network.version == ip.version)


class Post(PlainDeliverer):
    """seconds: the most one call may take."""

    def __init__(self, units: Units, seal: Seal, allowed: Targets, seconds: float):
        self._units = units
        self._seal = seal
        self._allowed = allowed
        self._seconds = seconds

    def deliver(self, effect: Effect) -> dict[str, Any]:
        with self._units() as uow:
            target = subscriptions.target(uow, self._seal, effect.body["subscription_id"])
        if target is None:
            raise Obsolete("the subscription was ended")
        body = json.dumps(effect.body["event"], separators=(",", ":")).encode()
        status, asked = self._call(target.url, effect.body["webhook_id"], target.secrets, body)
        if status == int(GONE):
            raise Permanent("the receiver wants no more events", code=GONE)
        if not 200 <= status < 300:
            after = retry_after(asked, datetime.now(UTC))
            raise Temporary(f"the receiver answered {status}", after=after)
        return {"status": status}

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        subscriptions.worked(uow, effect.body["subscription_id"])

    def on_dead(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        is_gone = reason.startswith(f"{GONE}:")
        subscriptions.failed(uow, effect.body["subscription_id"], reason, is_gone=is_gone)

    def _call(
        self, url: str, webhook_id: str, secrets: Sequence[str], body: bytes
    ) -> tuple[int, str | None]:
        """The status and its Retry-After."""
        refuse_inside_unit()
        parts, address = self._allowed.find(url)
        timestamp = str(int(datetime.now(UTC).timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "mendline",
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(
                signature(secret, webhook_id, timestamp, body) for secret in secrets
            ),
        }
        with targets.exchange("POST", parts, address, self._seconds, headers, body) as answer:
            # The status says all; an answer that breaks off after it is as good.
            with suppress(HTTPError):
                answer.read(MOST_ANSWER)
            return answer.status, answer.headers.get("Retry-After")


def build(units: Units, seal: Seal, private: Sequence[str], seconds: float) -> Integration:
    post = Post(units, seal, Targets(private), seconds)
    return Integration(NAME, deliverers={KIND: post})
