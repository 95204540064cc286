"""Stripe's API through its own library: our time-outs, our keys, our errors, plain dicts.

Nothing is repeated in here: writes are keyed by the caller, and asking again is the relay's work.
What the objects mean is decided in `facts.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import stripe

from bridge.integrations.stripe.faults import fault_of
from bridge.settings import StripeSettings
from crm.core.errors import Temporary, Uncertain
from crm.core.uow import refuse_inside_unit

CONNECT_SECONDS = 3.0
PAGE = 100
MOST_PAGES = 50
CHARGE = "latest_charge.balance_transaction"

# The library would keep an id of this machine in a file and send it along.
stripe.enable_telemetry = False
logging.getLogger("stripe").setLevel(logging.WARNING)

Told = dict[str, Any]


class Client:
    """livemode: whether its key moves real money.

    Every method raises Temporary, Denied, Refused (Permanent); the writing ones Uncertain too.
    """

    def __init__(
        self,
        told: StripeSettings,
        seconds: float = 10.0,
        http_client: stripe.HTTPClient | None = None,
    ):
        """http_client: how requests leave; by default the library's, over `requests`."""
        self._v1 = stripe.StripeClient(
            told.secret_key,
            base_addresses={"api": told.api_base.rstrip("/")},
            max_network_retries=0,
            http_client=http_client or stripe.RequestsClient(timeout=(CONNECT_SECONDS, seconds)),
        ).v1
        self.livemode = is_live(told.secret_key)

    # -- writing

    def open_session(self, params: Told, key: str) -> Told:
        return self._write(self._v1.checkout.sessions.create, params, key)

    def expire_session(self, session_id: str) -> Told:
        return self._write(
            lambda **how: self._v1.checkout.sessions.expire(session_id, **how),
            {},
            f"expire:{session_id}",
        )

    def refund_payment(self, params: Told, key: str) -> Told:
        return self._write(self._v1.refunds.create, params, key)

    # -- reading

    def session(self, session_id: str) -> Told:
        expand = {"expand": [f"payment_intent.{CHARGE}"]}
        return self._read(
            lambda **how: self._v1.checkout.sessions.retrieve(session_id, **how), expand
        )

    def payment(self, payment_id: str) -> Told:
        return self._read(
            lambda **how: self._v1.payment_intents.retrieve(payment_id, **how),
            {"expand": [CHARGE]},
        )

    def payments_of(self, field: str, value: str) -> list[Told]:
        """Payments with that metadata. Stripe's index is about a minute behind."""
        params = {
            "query": f"metadata['{field}']:'{value}'",
            "limit": 10,
            "expand": [f"data.{CHARGE}"],
        }
        return self._read(self._v1.payment_intents.search, params)["data"]

    def sessions_of_payment(self, payment_id: str) -> list[Told]:
        params = {"payment_intent": payment_id, "limit": 1}
        return self._read(self._v1.checkout.sessions.list, params)["data"]

    def sessions_since(self, since: datetime) -> Iterator[Told]:
        """Newest first."""
        return self._pages(self._v1.checkout.sessions.list, {"created": _from(since)})

    def charge(self, charge_id: str) -> Told:
        return self._read(lambda **how: self._v1.charges.retrieve(charge_id, **how), {})

    def refund(self, refund_id: str) -> Told:
        return self._read(lambda **how: self._v1.refunds.retrieve(refund_id, **how), {})

    def refunds_of(self, payment_id: str) -> Iterator[Told]:
        return self._pages(self._v1.refunds.list, {"payment_intent": payment_id})

    def dispute(self, dispute_id: str) -> Told:
        return self._read(lambda **how: self._v1.disputes.retrieve(dispute_id, **how), {})

    def events_since(self, since: datetime, types: list[str]) -> Iterator[Told]:
        """Newest first. Stripe keeps them for 30 days."""
        return self._pages(self._v1.events.list, {"created": _from(since), "types": types})

    # -- the line

    def _write(self, call: Callable[..., Any], params: Told, key: str) -> Told:
        return self._ask(call, params, {"idempotency_key": key}, reads=False)

    def _read(self, call: Callable[..., Any], params: Told) -> Told:
        return self._ask(call, params, {}, reads=True)

    def _pages(self, call: Callable[..., Any], params: Told) -> Iterator[Told]:
        """Raises Temporary when there is no end to them: better none than a part."""
        params = {**params, "limit": PAGE}
        for _ in range(MOST_PAGES):
            page = self._read(call, params)
            yield from page["data"]
            if not page.get("has_more") or not page["data"]:
                return
            params = {**params, "starting_after": page["data"][-1]["id"]}
        raise Temporary(f"Stripe lists more than {MOST_PAGES * PAGE}")

    @staticmethod
    def _ask(call: Callable[..., Any], params: Told, options: Told, *, reads: bool) -> Told:
        refuse_inside_unit()
        try:
            return call(params=params, options=options).to_dict()
        except stripe.StripeError as error:
            raise fault_of(error, reads) from error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            # A proxy's page, say: whether the request arrived is not known.
            detail = f"Stripe's answer has an unknown shape ({type(error).__name__})"
            raise (Temporary(detail) if reads else Uncertain(detail)) from error


def is_live(secret_key: str) -> bool:
    """Test keys say so: `sk_test_…`, `rk_test_…`."""
    return "_test_" not in secret_key


def _from(since: datetime) -> Told:
    return {"gte": int(since.timestamp())}
