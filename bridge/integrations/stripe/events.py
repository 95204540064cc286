"""The news of Stripe's we listen to, and which object is fetched at each.

docs/money.md tells shops to select exactly these, and the doctor compares.
"""

from __future__ import annotations

SESSION, PAYMENT, CHARGE, REFUND, DISPUTE = (
    "checkout.session", "payment_intent", "charge", "refund", "dispute",
)  # fmt: skip
FETCHED = {
    "checkout.session.completed": SESSION,
    "checkout.session.expired": SESSION,
    "checkout.session.async_payment_succeeded": SESSION,
    "checkout.session.async_payment_failed": SESSION,
    "payment_intent.succeeded": PAYMENT,
    "payment_intent.payment_failed": PAYMENT,
    "payment_intent.processing": PAYMENT,
    "charge.updated": CHARGE,  # brings the fee, which Stripe may know a little later
    "charge.refunded": CHARGE,
    "refund.created": REFUND,
    "refund.updated": REFUND,
    "refund.failed": REFUND,
    "charge.dispute.created": DISPUTE,
    "charge.dispute.updated": DISPUTE,
    "charge.dispute.closed": DISPUTE,
    "charge.dispute.funds_withdrawn": DISPUTE,
    "charge.dispute.funds_reinstated": DISPUTE,
}
