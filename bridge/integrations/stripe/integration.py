"""Stripe as an integration: its address, handlers, deliverers and schedule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import stripe
from sqlalchemy import select

from bridge.integrations.stripe import inbound, outbound, verify
from bridge.integrations.stripe.client import Client
from bridge.integrations.stripe.events import FETCHED
from bridge.integrations.stripe.provider import StripeProvider
from bridge.integrations.stripe.reconcile import EVERY_SECONDS, Reconcile
from bridge.settings import StripeSettings
from crm.core.integration import Endpoint, Integration, Schedule
from crm.core.uow import Units
from crm.payments.models import Attempt


@dataclass(frozen=True)
class Stripe:
    """provider: for those who begin a payment."""

    integration: Integration
    provider: StripeProvider


def build(
    told: StripeSettings,
    units: Units,
    seconds: float,
    http_client: stripe.HTTPClient | None = None,
) -> Stripe:
    """seconds: how long an answer may take. http_client: how requests leave, see `Client`.

    Without a webhook secret everything posted is refused, and payments are found by reconciling
    alone.
    """
    client = Client(told, seconds, http_client)
    provider = StripeProvider(client, partial(_session_of, units))
    hook = verify.Hook(told.webhook_secrets, FETCHED.__contains__)
    return Stripe(
        Integration(
            name="stripe",
            endpoints=(Endpoint(verify.PATH, hook.verify),),
            handlers=inbound.handlers(client.livemode),
            deliverers=outbound.deliverers(client, provider),
            schedules=(
                Schedule(
                    "stripe.reconcile", EVERY_SECONDS, Reconcile(client, units).run, at_start=True
                ),
            ),
        ),
        provider,
    )


def _session_of(units: Units, attempt_ref: str) -> str | None:
    with units() as uow:
        return uow.session.scalar(
            select(Attempt.provider_session_id).where(Attempt.ref == attempt_ref)
        )
