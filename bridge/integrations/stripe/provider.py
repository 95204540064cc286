"""The payment port (`crm/payments/provider.py`) fulfilled by Stripe's hosted Checkout.

Every call that moves money carries a key of ours. Stripe forgets a key after 24 hours, and under
it repeats even a 500 for ever: past 23 hours, or at such a repeat, what is there is looked for by
our mark in its metadata, and only what is not there is asked for under a new key (reliability.md,
rule 13).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bridge.integrations.stripe import facts
from bridge.integrations.stripe.client import Client
from bridge.integrations.stripe.facts import ATTEMPT, EFFECT, Told
from bridge.integrations.stripe.faults import Refused, Replayed
from crm.core import clock
from crm.core.errors import Permanent, Uncertain
from crm.payments.provider import Fact, Order, RefundFact, RefundOrder, Session

NAME = "stripe"
KEY_LIFE = timedelta(hours=23)
MOST_KEYS = 5  # stored failures in a row; then a person decides
# A page lives 45 minutes, so that a look this far back finds every one that can still be paid.
LOOK_BACK = timedelta(hours=24)
# They have no decimals, yet Stripe's amounts of them have two.
COUNTED_OTHERWISE = {"ISK", "UGX"}
LANGUAGES = {"en": "en-GB", "pt": "pt"}
LONGEST_LABEL = 250
REASONS = {"duplicate", "fraudulent", "requested_by_customer"}


class StripeProvider:
    """known: the session of an attempt, as far as we know one. now: our clock."""

    name = NAME

    def __init__(
        self,
        client: Client,
        known: Callable[[str], str | None] = lambda attempt_ref: None,
        now: Callable[[], datetime] = clock.now,
    ):
        self._client = client
        self._known = known
        self._now = now
        self.livemode = client.livemode

    def checkout(self, order: Order) -> Session:
        if order.currency in COUNTED_OTHERWISE:
            raise Permanent(f"{order.currency} cannot be paid by card here")
        params = _session_params(order)
        try:
            told = self._open(order, params, order.attempt_ref)
        except Refused as refusal:
            if refusal.param != "customer_email" or "customer_email" not in params:
                raise
            # What we know as the customer's address is none to Stripe; they type it themselves.
            del params["customer_email"]
            told = self._open(order, params, f"{order.attempt_ref}:no-email")
        expires_at = clock.from_unix(told["expires_at"])
        if not told.get("url") or expires_at is None:
            raise Permanent("this checkout is closed already")
        return Session(told["id"], told["url"], expires_at)

    def _open(self, order: Order, params: Told, key: str) -> Told:
        return self._keyed(
            key,
            order.created_at,
            lambda key: self._client.open_session(params, key),
            lambda: self._session_of(order.attempt_ref),
        )

    def expire(self, session_id: str) -> None:
        try:
            self._client.expire_session(session_id)
        except Refused as refusal:
            # It is paid or closed already, and its own news tells which.
            if refusal.status != 400:
                raise

    def refund(self, order: RefundOrder) -> RefundFact:
        params: Told = {
            "payment_intent": order.payment_id,
            "amount": order.amount_minor,
            "metadata": {EFFECT: order.effect_key},
        }
        if order.reason in REASONS:
            params["reason"] = order.reason
        told = self._keyed(
            # With the payment: another database on the same account may know the same effect key.
            f"{order.effect_key}:{order.payment_id}",
            order.first_tried_at,
            lambda key: self._client.refund_payment(params, key),
            lambda: self._refund_of(order.effect_key, order.payment_id),
        )
        return facts.of_refund(told)

    def find(self, attempt_ref: str) -> Fact | None:
        """None also while its page is open and unpaid."""
        session_id = self._known(attempt_ref)
        if session_id is not None:
            return self._fact_of(session_id)
        paid = facts.first(
            facts.of_payment(one) for one in self._client.payments_of(ATTEMPT, attempt_ref)
        )
        if paid is not None and paid.state in ("paid", "processing"):
            return paid
        session = self._session_of(attempt_ref)
        return self._fact_of(session["id"]) if session else paid

    def find_refund(self, effect_key: str, payment_id: str) -> RefundFact | None:
        told = self._refund_of(effect_key, payment_id)
        return facts.of_refund(told) if told else None

    def _fact_of(self, session_id: str) -> Fact | None:
        return facts.of_session(self._client.session(session_id))

    def _session_of(self, attempt_ref: str) -> Told | None:
        """The newest session of an attempt."""
        since = self._now() - LOOK_BACK
        for session in self._client.sessions_since(since):
            if facts.attempt_of(session) == attempt_ref:
                return session
        return None

    def _refund_of(self, effect_key: str, payment_id: str) -> Told | None:
        for refund in self._client.refunds_of(payment_id):
            if (refund.get("metadata") or {}).get(EFFECT) == effect_key:
                return refund
        return None

    def _keyed(
        self,
        key: str,
        first_tried_at: datetime,
        do: Callable[[str], Told],
        look: Callable[[], Told | None],
    ) -> Told:
        """Do it once under this key and its successors. Raises what `do` and `look` raise."""
        period = max(0, (self._now() - first_tried_at) // KEY_LIFE)
        if period and (found := look()):
            return found
        for turn in range(MOST_KEYS):
            suffix = (f":{period}" if period else "") + (f":again-{turn}" if turn else "")
            try:
                return do(key + suffix)
            except Replayed:
                if found := look():
                    return found
        raise Uncertain(f"Stripe failed under {MOST_KEYS} keys")


def _session_params(order: Order) -> dict[str, Any]:
    """No person is named but by the e-mail address Stripe sends nothing to without being told."""
    mark = {ATTEMPT: order.attempt_ref}
    params = {
        "mode": "payment",
        "client_reference_id": order.attempt_ref,
        "metadata": mark,
        "payment_intent_data": {"metadata": mark},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.currency.lower(),
                    "unit_amount": order.amount_minor,
                    "product_data": {"name": order.label[:LONGEST_LABEL]},
                },
            }
        ],
        "success_url": order.success_url,
        "cancel_url": order.cancel_url,
        "expires_at": int(order.expires_at.timestamp()),
        "locale": LANGUAGES.get(order.locale[:2], "auto"),
        # The amount in the shop's currency is what we compare.
        "adaptive_pricing": {"enabled": False},
    }
    if order.customer_email:
        params["customer_email"] = order.customer_email
    return params
