"""The port to whoever takes cards for the shop: what is asked of it and what it reports.

An adapter (`bridge/integrations/<name>/provider.py`) fulfils `Provider`, keys every call by the
reference it is given, and repeats no call whose outcome it does not know (reliability.md, rule 13).
What a fact means for our books is decided in `settling.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from crm.core.errors import Refusal

FactState = Literal["paid", "processing", "failed", "expired"]
RefundState = Literal["pending", "done", "failed"]
DisputeState = Literal["needs_response", "under_review", "won", "lost"]


class PaymentsOff(Refusal):
    """No provider is set up: the shop takes no cards here."""

    code, status = "payments-off", 503


@dataclass(frozen=True)
class Order:
    """A hosted checkout to be opened; the amount is the attempt's, worked out by the server.

    label: what the customer reads beside the amount. created_at: of the attempt, so that a repeat
    of the call is built alike. expires_at: when the hosted page stops taking money.
    """

    attempt_ref: str
    amount_minor: int
    currency: str
    label: str
    success_url: str
    cancel_url: str
    customer_email: str | None
    locale: str
    expires_at: datetime
    created_at: datetime


@dataclass(frozen=True)
class Session:
    """A hosted checkout that is open. url: where the customer is sent."""

    id: str
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Fact:
    """What the provider's own object, fetched from it, says of one attempt to pay.

    state: a last word, or `processing`; a card that was declined and may be tried again is no fact
    yet. payment_id: one per movement of money, None until
    there is one. session_id, charge_id: as far as they are known. fee_minor: None until the
    provider knows it. at: when it happened there.
    """

    attempt_ref: str
    session_id: str | None
    payment_id: str | None
    charge_id: str | None
    amount_minor: int
    currency: str
    livemode: bool
    state: FactState
    fee_minor: int | None
    at: datetime
    reason: str = ""


@dataclass(frozen=True)
class RefundOrder:
    """Money to be given back. first_tried_at: decides whether the effect key still protects."""

    effect_key: str
    payment_id: str
    charge_id: str | None
    amount_minor: int
    currency: str
    reason: str
    first_tried_at: datetime


@dataclass(frozen=True)
class RefundFact:
    """effect_key: None when the refund was made at the provider's own desk."""

    refund_id: str
    payment_id: str | None
    charge_id: str | None
    amount_minor: int
    currency: str
    state: RefundState
    effect_key: str | None
    reason: str = ""


@dataclass(frozen=True)
class DisputeFact:
    """due_at: until when evidence is taken. fee_minor: what the provider charges for it."""

    dispute_id: str
    payment_id: str | None
    charge_id: str | None
    amount_minor: int
    currency: str
    reason: str
    state: DisputeState
    due_at: datetime | None
    fee_minor: int = 0


class Provider(Protocol):
    """Every call uses the network: none is made while a unit of work is open.

    name: as stored with payments. livemode: whether its keys move real money. All raise Temporary,
    Denied, Permanent or Uncertain.
    """

    name: str
    livemode: bool

    def checkout(self, order: Order) -> Session:
        """Open a hosted checkout; the same attempt_ref again gives the same session."""
        ...

    def expire(self, session_id: str) -> None:
        """Close a checkout nobody is to pay any more; one that is closed already is no fault."""
        ...

    def refund(self, order: RefundOrder) -> RefundFact: ...

    def find(self, attempt_ref: str) -> Fact | None:
        """What became of an attempt; None while the page is open, and when there never was one."""
        ...

    def find_refund(self, effect_key: str, payment_id: str) -> RefundFact | None: ...
