"""News about money: what was begun, received, refused, and what is to be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class AttemptEvent(Event):
    """subject_id: the attempt's."""

    subject_kind: ClassVar[str] = "payment_attempt"
    repair_id: int | None


@dataclass(frozen=True)
class PaymentInitiated(AttemptEvent):
    kind: ClassVar[str] = "payment.initiated"
    amount_minor: int
    currency: str
    purpose: str


@dataclass(frozen=True)
class PaymentFailed(AttemptEvent):
    kind: ClassVar[str] = "payment.failed"
    reason: str


@dataclass(frozen=True)
class PaymentMismatched(AttemptEvent):
    """The provider reports something else than what was asked for; a person looks at it."""

    kind: ClassVar[str] = "payment.mismatched"
    reason: str


@dataclass(frozen=True)
class PaymentReceived(Event):
    kind: ClassVar[str] = "payment.completed"
    subject_kind: ClassVar[str] = "payment"
    repair_id: int | None
    invoice_id: int | None
    customer_id: int | None
    amount_minor: int
    currency: str
    method: str
    purpose: str


@dataclass(frozen=True)
class DepositToReturn(Event):
    """A repair ended before it was invoiced, and the shop still holds the customer's money."""

    kind: ClassVar[str] = "payment.deposit_to_return"
    subject_kind: ClassVar[str] = "repair"
    amount_minor: int
    currency: str


@dataclass(frozen=True)
class RefundEvent(Event):
    """subject_id: the payment's."""

    subject_kind: ClassVar[str] = "payment"
    refund_id: int
    repair_id: int | None
    amount_minor: int
    currency: str


@dataclass(frozen=True)
class RefundRequested(RefundEvent):
    """needs_second: nothing moves until another person approves."""

    kind: ClassVar[str] = "refund.requested"
    needs_second: bool


@dataclass(frozen=True)
class RefundDone(RefundEvent):
    """restock: the parts go back on the shelf."""

    kind: ClassVar[str] = "refund.done"
    method: str
    restock: bool


@dataclass(frozen=True)
class RefundFailed(RefundEvent):
    """The money is held for the customer again; a person finds another way to give it back."""

    kind: ClassVar[str] = "refund.failed"
    reason: str
