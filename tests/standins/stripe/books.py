"""A stand-in Stripe's memory: sessions, payments, charges, refunds, disputes and what happened.

Written from the shapes of the public API. It knows nothing of the product; HTTP is `server.py`,
webhooks are `courier.py`. All amounts are in the smallest unit.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

Told = dict[str, Any]
MINUTE, HOUR = 60, 3600
COUNTRY_FEE_BP, FIXED_FEE = 150, 20  # 1.5 % + 20


class Refusal(Exception):
    """An error as the API answers it."""

    def __init__(
        self, message: str, *, status: int = 400, code: str = "", param: str = "",
        kind: str = "invalid_request_error",
    ):  # fmt: skip
        super().__init__(message)
        self.status = status
        self.error = {"type": kind, "message": message}
        self.error |= {"code": code} if code else {}
        self.error |= {"param": param} if param else {}


class Books:
    """tell: called with every event, in order. late_fees: fees become known by `book` only.

    slow_refunds: refunds stay pending until `end_refund`. ahead: seconds its clock is ahead of ours.
    """

    def __init__(self, tell: Callable[[Told], None] = lambda event: None):
        self.tell = tell
        self.url = ""
        self.lock = threading.RLock()
        self.objects: dict[str, dict[str, Told]] = {
            name: {}
            for name in ("checkout.session", "payment_intent", "charge", "refund", "dispute",
                         "balance_transaction", "event")
        }  # fmt: skip
        self.ahead = 0.0
        self.late_fees = False
        self.slow_refunds = False
        self.livemode = False

    # -- looking

    def now(self) -> int:
        return int(time.time() + self.ahead)

    def one(self, kind: str, object_id: str) -> Told:
        with self.lock:
            self._run_clock()
            try:
                return self.objects[kind][object_id]
            except KeyError:
                raise Refusal(f"No such {kind}: {object_id}", status=404,
                              code="resource_missing", param="id") from None  # fmt: skip

    def all(self, kind: str) -> list[Told]:
        """Newest first."""
        with self.lock:
            self._run_clock()
            return list(self.objects[kind].values())[::-1]

    def paid(self, mark: str) -> Counter[str]:
        """How much came in, by that field of the payments' metadata."""
        return self._sums("payment_intent", mark, "amount_received",
                          lambda one: one["status"] == "succeeded")  # fmt: skip

    def times_paid(self, mark: str) -> Counter[str]:
        return Counter(
            one["metadata"].get(mark, "") for one in self.all("payment_intent")
            if one["status"] == "succeeded"
        )  # fmt: skip

    def refunded(self, mark: str) -> Counter[str]:
        """How much went back, by that field of the refunds' metadata."""
        return self._sums("refund", mark, "amount", lambda one: one["status"] == "succeeded")

    def balance(self) -> int:
        """All movements, fees taken off."""
        return sum(one["net"] for one in self.all("balance_transaction"))

    def fees(self) -> int:
        return sum(one["fee"] for one in self.all("balance_transaction"))

    def _sums(self, kind: str, mark: str, field: str, counts: Callable[[Told], bool]) -> Counter:
        sums: Counter[str] = Counter()
        for one in self.all(kind):
            if counts(one):
                sums[one["metadata"].get(mark, "")] += one[field]
        return sums

    # -- what the API does

    def open_session(self, params: Told) -> Told:
        with self.lock:
            now = self.now()
            expires_at = int(params.get("expires_at", now + 24 * HOUR))
            if not 30 * MINUTE - 5 <= expires_at - now <= 24 * HOUR + 5:
                raise Refusal("expires_at must be 30 minutes to 24 hours away", param="expires_at")
            (line,) = params["line_items"].values()
            price = line["price_data"]
            amount = int(price["unit_amount"]) * int(line.get("quantity", 1))
            if not 30 <= amount <= 99_999_999:
                raise Refusal("amount out of bounds", code="amount_too_small",
                              param="line_items[0]")  # fmt: skip
            email = params.get("customer_email")
            if email is not None and not ("@" in email and "." in email.split("@")[-1]):
                raise Refusal(f"Invalid email address: {email}", code="email_invalid",
                              param="customer_email")  # fmt: skip
            session = self._new("checkout.session", "cs_test_", {
                "mode": params["mode"],
                "status": "open",
                "payment_status": "unpaid",
                "amount_total": amount,
                "currency": price["currency"],
                "client_reference_id": params.get("client_reference_id"),
                "metadata": params.get("metadata", {}),
                "payment_intent": None,
                "payment_intent_data": params.get("payment_intent_data", {}),
                "label": price["product_data"]["name"],
                "success_url": params["success_url"],
                "cancel_url": params.get("cancel_url"),
                "customer_email": email,
                "locale": params.get("locale"),
                "expires_at": expires_at,
            })  # fmt: skip
            session["url"] = f"{self.url}/c/pay/{session['id']}"
            return session

    def expire_session(self, session_id: str) -> Told:
        with self.lock:
            session = self.one("checkout.session", session_id)
            if session["status"] != "open":
                raise Refusal(f"Only open sessions can expire, this is {session['status']}")
            return self._expire(session)

    def refund(self, params: Told) -> Told:
        with self.lock:
            charge = self._charge_of(params)
            left = charge["amount"] - self._given_back(charge["id"])
            amount = int(params.get("amount", left))
            if left == 0:
                raise Refusal("already refunded", code="charge_already_refunded")
            if not 0 < amount <= left:
                raise Refusal(f"more than {left}", param="amount")
            if charge["disputed"]:
                raise Refusal("charged back", code="charge_disputed")
            refund = self._new("refund", "re_", {
                "amount": amount,
                "charge": charge["id"],
                "payment_intent": charge["payment_intent"],
                "currency": charge["currency"],
                "metadata": params.get("metadata", {}),
                "reason": params.get("reason"),
                "status": "pending",
                "failure_reason": None,
                "balance_transaction": None,
            })  # fmt: skip
            self._happened("refund.created", refund)
            charge["amount_refunded"] = self._given_back(charge["id"])
            charge["refunded"] = charge["amount_refunded"] == charge["amount"]
            self._happened("charge.refunded", charge)
            if not self.slow_refunds:
                self.end_refund(refund["id"])
            return refund

    # -- what customers, banks and time do

    def pay(self, session_id: str) -> Told:
        """The customer pays; the payment. Raises Refusal when the page is closed."""
        with self.lock:
            session, payment = self._confirm(session_id)
            self._succeed(payment)
            self._complete(session, "paid")
            return payment

    def decline(self, session_id: str) -> Told:
        with self.lock:
            _, payment = self._confirm(session_id)
            self._fail(payment, "insufficient_funds")
            return payment

    def pay_slowly(self, session_id: str) -> Told:
        """By a way that takes days; `clear` tells how it went."""
        with self.lock:
            session, payment = self._confirm(session_id)
            payment["status"] = "processing"
            self._complete(session, "unpaid")
            self._happened("payment_intent.processing", payment)
            return payment

    def clear(self, payment_id: str, *, paid: bool) -> None:
        with self.lock:
            payment = self.one("payment_intent", payment_id)
            session = next(s for s in self.all("checkout.session")
                           if s["payment_intent"] == payment_id)  # fmt: skip
            if paid:
                self._succeed(payment)
                session["payment_status"] = "paid"
                self._happened("checkout.session.async_payment_succeeded", session)
            else:
                self._fail(payment, "payment_intent_payment_attempt_failed")
                self._happened("checkout.session.async_payment_failed", session)

    def book(self, charge_id: str) -> Told:
        """The fee becomes known."""
        with self.lock:
            charge = self.one("charge", charge_id)
            fee = charge["amount"] * COUNTRY_FEE_BP // 10_000 + FIXED_FEE
            charge["balance_transaction"] = self._move("charge", charge, charge["amount"], fee)
            if self.late_fees:
                self._happened("charge.updated", charge)
            return charge

    def end_refund(self, refund_id: str, *, failure: str | None = None) -> Told:
        with self.lock:
            refund = self.one("refund", refund_id)
            refund["status"] = "failed" if failure else "succeeded"
            refund["failure_reason"] = failure
            if not failure:
                refund["balance_transaction"] = self._move("refund", refund, -refund["amount"], 0)
            charge = self.one("charge", refund["charge"])
            charge["amount_refunded"] = self._given_back(charge["id"])
            charge["refunded"] = charge["amount_refunded"] == charge["amount"]
            self._happened("refund.failed" if failure else "refund.updated", refund)
            return refund

    def dispute(self, charge_id: str, *, reason: str = "fraudulent") -> Told:
        with self.lock:
            charge = self.one("charge", charge_id)
            charge["disputed"] = True
            dispute = self._new("dispute", "du_", {
                "amount": charge["amount"],
                "charge": charge["id"],
                "payment_intent": charge["payment_intent"],
                "currency": charge["currency"],
                "metadata": {},
                "reason": reason,
                "status": "needs_response",
                "evidence_details": {"due_by": self.now() + 7 * 24 * HOUR, "submission_count": 0},
                "balance_transactions": [],
            })  # fmt: skip
            self._happened("charge.dispute.created", dispute)
            moved = self._move("adjustment", dispute, -dispute["amount"], 2000)
            dispute["balance_transactions"].append(self.one("balance_transaction", moved))
            self._happened("charge.dispute.funds_withdrawn", dispute)
            return dispute

    def answer_dispute(self, dispute_id: str) -> Told:
        with self.lock:
            dispute = self.one("dispute", dispute_id)
            dispute["status"] = "under_review"
            self._happened("charge.dispute.updated", dispute)
            return dispute

    def close_dispute(self, dispute_id: str, *, won: bool) -> Told:
        with self.lock:
            dispute = self.one("dispute", dispute_id)
            dispute["status"] = "won" if won else "lost"
            if won:
                moved = self._move("adjustment", dispute, dispute["amount"], 0)
                dispute["balance_transactions"].append(self.one("balance_transaction", moved))
                self.one("charge", dispute["charge"])["disputed"] = False
                self._happened("charge.dispute.funds_reinstated", dispute)
            self._happened("charge.dispute.closed", dispute)
            return dispute

    # -- inside

    def _run_clock(self) -> None:
        for session in list(self.objects["checkout.session"].values()):
            if session["status"] == "open" and session["expires_at"] <= self.now():
                self._expire(session)

    def _expire(self, session: Told) -> Told:
        session["status"], session["url"] = "expired", None
        self._happened("checkout.session.expired", session)
        return session

    def _confirm(self, session_id: str) -> tuple[Told, Told]:
        session = self.one("checkout.session", session_id)
        if session["status"] != "open":
            raise Refusal("this page is closed")
        if session["payment_intent"] is None:
            payment = self._new("payment_intent", "pi_", {
                "amount": session["amount_total"],
                "amount_received": 0,
                "currency": session["currency"],
                "status": "requires_payment_method",
                "metadata": session["payment_intent_data"].get("metadata", {}),
                "latest_charge": None,
                "last_payment_error": None,
            })  # fmt: skip
            session["payment_intent"] = payment["id"]
            self._happened("payment_intent.created", payment)
        return session, self.one("payment_intent", session["payment_intent"])

    def _complete(self, session: Told, payment_status: str) -> None:
        session["status"], session["payment_status"], session["url"] = (
            "complete", payment_status, None,
        )  # fmt: skip
        session["customer_details"] = {"email": "pat@example.org", "name": "Pat Quay"}
        self._happened("checkout.session.completed", session)

    def _succeed(self, payment: Told) -> None:
        charge = self._charge(payment, "succeeded", payment["amount"])
        payment |= {"status": "succeeded", "amount_received": payment["amount"],
                    "last_payment_error": None}  # fmt: skip
        self._happened("charge.succeeded", charge)
        if not self.late_fees:
            self.book(charge["id"])
        self._happened("payment_intent.succeeded", payment)

    def _fail(self, payment: Told, code: str) -> None:
        charge = self._charge(payment, "failed", 0)
        payment |= {
            "status": "requires_payment_method",
            "last_payment_error": {"type": "card_error", "code": "card_declined",
                                   "decline_code": code, "message": "Your card was declined."},
        }  # fmt: skip
        self._happened("charge.failed", charge)
        self._happened("payment_intent.payment_failed", payment)

    def _charge(self, payment: Told, status: str, captured: int) -> Told:
        charge = self._new("charge", "ch_", {
            "amount": payment["amount"],
            "amount_captured": captured,
            "amount_refunded": 0,
            "refunded": False,
            "disputed": False,
            "currency": payment["currency"],
            "payment_intent": payment["id"],
            "status": status,
            "metadata": dict(payment["metadata"]),
            "balance_transaction": None,
            "billing_details": {"email": "pat@example.org", "name": "Pat Quay"},
        })  # fmt: skip
        payment["latest_charge"] = charge["id"]
        return charge

    def _charge_of(self, params: Told) -> Told:
        if "charge" in params:
            return self.one("charge", params["charge"])
        payment = self.one("payment_intent", params["payment_intent"])
        if payment["status"] != "succeeded":
            raise Refusal("nothing was paid", code="charge_not_refundable")
        return self.one("charge", payment["latest_charge"])

    def _given_back(self, charge_id: str) -> int:
        return sum(one["amount"] for one in self.objects["refund"].values()
                   if one["charge"] == charge_id and one["status"] != "failed")  # fmt: skip

    def _move(self, kind: str, source: Told, amount: int, fee: int) -> str:
        booked = self._new("balance_transaction", "txn_", {
            "type": kind, "source": source["id"], "currency": source["currency"],
            "amount": amount, "fee": fee, "net": amount - fee,
        })  # fmt: skip
        return booked["id"]

    def _new(self, kind: str, prefix: str, fields: Told) -> Told:
        made = {"id": prefix + secrets.token_hex(10), "object": kind, "created": self.now(),
                "livemode": self.livemode, **fields}  # fmt: skip
        self.objects[kind][made["id"]] = made
        return made

    def _happened(self, kind: str, about: Told) -> None:
        event = self._new("event", "evt_", {
            "type": kind, "api_version": "2026-10-28.endive", "pending_webhooks": 1,
            "data": {"object": _copy(about)}, "request": {"id": None, "idempotency_key": None},
        })  # fmt: skip
        self.tell(event)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(one) for name, one in value.items()}
    return [_copy(one) for one in value] if isinstance(value, list) else value
