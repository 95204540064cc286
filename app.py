"""The composition root: reads the settings, lists the integrations, builds the parts, holds the verbs.

`web()` is what gunicorn serves; `python app.py VERB` is everything else.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before the parts: a verb loads those that it needs, when it needs them.
    from bridge.cli import main

    raise SystemExit(main())

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from bridge import logs
from bridge import settings as settings_module
from bridge.integrations.files import outbound as chat_files
from bridge.integrations.files.door import Door
from bridge.integrations.files.place import file_store
from bridge.integrations.shop import inbound as shop_systems
from bridge.integrations.webhooks import outbound as webhooks
from bridge.settings import Settings
from chatwoot import integration as chatwoot
from chatwoot.client import Client
from chatwoot.throttle import Throttle
from crm import noticing, reactions
from crm.core.db import make_engine
from crm.core.integration import Integration, Schedule
from crm.core.shop import Links, Shop
from crm.core.uow import Units, join
from crm.core.vault import Seal
from crm.followups import round as followups
from crm.followups.sending import Sending
from crm.outgoing import owing as outgoing
from crm.payments.provider import Provider
from crm.portal import asking
from crm.portal.asking import SendingLinks
from crm.routing import Router
from crm.ticket_mails import TicketMails
from jobs.inbox import InboxRunner
from jobs.leases import Heartbeat
from jobs.queue import Doorbell
from jobs.relay import Relay
from jobs.retries import Ladder
from jobs.rows import Rows

if TYPE_CHECKING:
    from flask import Flask

    from bridge.integrations.stripe.integration import Stripe

WEB_RING_SECONDS = 0.05


@dataclass(frozen=True)
class Mendline:
    """Every part, joined.

    client: None when there is no Chatwoot to call. payments: None when nobody takes cards.
    """

    settings: Settings
    engine: Engine
    units: Units
    seal: Seal
    shop: Shop
    doorbell: Doorbell
    client: Client | None
    integrations: tuple[Integration, ...]
    redis_url: str | None
    payments: Provider | None = None

    def rows(self) -> Rows:
        """What runs inbox and outbox rows in this process."""
        periods = self.settings.periods
        heartbeat = Heartbeat(
            self.units, lease_seconds=periods.lease_seconds, every_seconds=periods.heartbeat_seconds
        )
        ladder = Ladder(periods.retry_ladder)
        handlers = {key: one for i in self.integrations for key, one in i.handlers.items()}
        handlers["self", followups.DUE] = Sending(self.shop).send
        handlers["self", asking.ASKED] = SendingLinks(self.seal, self.shop).send
        deliverers = {kind: one for i in self.integrations for kind, one in i.deliverers.items()}
        return Rows(
            InboxRunner(
                self.units, handlers, heartbeat, ladder, lease_seconds=periods.lease_seconds
            ),
            Relay(
                self.units,
                deliverers,
                heartbeat,
                ladder,
                lease_seconds=periods.lease_seconds,
                settle_seconds=periods.settle_seconds,
            ),
        )

    def schedules(self) -> list[Schedule]:
        # Only the scheduler needs what its duties are made of.
        from crm import duties

        return [
            *duties.schedules(
                self.units,
                self.seal,
                self.shop,
                payments=self.payments,
                has_mail=self.settings.mail is not None,
            ),
            *(schedule for one in self.integrations for schedule in one.schedules),
        ]


def compose(
    settings: Settings,
    database_url: str,
    redis_url: str | None,
    *,
    ring_seconds: float = 0.0,
) -> Mendline:
    """Join the parts. ring_seconds: how long a web process gathers rings."""
    engine = make_engine(database_url)
    doorbell = Doorbell(redis_url, delay_seconds=ring_seconds)
    table: dict[Any, tuple] = {}
    units = Units(engine, table, doorbell.ring)
    keys = (settings.secret_key, *settings.secret_key_fallbacks)
    seal = Seal(keys)
    shop = Shop(
        name=settings.shop_name,
        timezone=ZoneInfo(settings.shop_timezone),
        currency=settings.currency,
        locale=settings.default_locale,
        hold=timedelta(seconds=settings.periods.hold_seconds),
        links=Links(settings.public_url, keys),
    )
    client = _chatwoot_client(settings, redis_url)
    told = chatwoot.Told(
        account_id=settings.chatwoot.account_id,
        webhook_secrets=settings.chatwoot.webhook_secrets,
        webhook_token=settings.chatwoot.webhook_token,
        bot_secrets=settings.chatwoot.bot_secrets,
    )
    cards = _cards(settings, units)
    integrations = (
        chatwoot.build(
            told, units, seal, shop, client, reconcile_seconds=settings.periods.reconcile_seconds
        ),
        shop_systems.build(units, seal, shop, settings.chatwoot.account_id),
        chat_files.build(
            units,
            file_store(settings),
            Door(settings.chatwoot.url or "", settings.periods.outgoing_timeout_seconds),
        ),
        *_letter_channels(settings, units, seal, shop),
        *((cards.integration,) if cards else ()),
        webhooks.build(
            units, seal, settings.webhook_networks, settings.periods.outgoing_timeout_seconds
        ),
    )
    router = Router([one for i in integrations for one in i.channels], shop.timezone)
    parts = (one.reactions for one in integrations)
    if settings.mail is not None:
        parts = (TicketMails(seal, shop).table(), *parts)
    table.update(
        join(reactions.table(shop), outgoing.table(), router.table(), noticing.table(), *parts)
    )
    return Mendline(
        settings, engine, units, seal, shop, doorbell, client, integrations, redis_url,
        payments=cards.provider if cards else None,
    )  # fmt: skip


def _letter_channels(
    settings: Settings, units: Units, seal: Seal, shop: Shop
) -> Iterator[Integration]:
    """What reaches customers outside a conversation, in the order in which it is tried."""
    seconds = settings.periods.outgoing_timeout_seconds
    if settings.mail is not None:
        # Large are the libraries that a mail is made with, and those that read one.
        from bridge.integrations.mail import outbound as mail

        yield mail.build(settings.mail, units, seal, shop, seconds)
    if settings.twilio is not None:
        # Twilio's is larger still.
        from bridge.integrations.twilio import integration as twilio

        yield from twilio.build(settings.twilio, units, seal, shop, seconds)


def _cards(settings: Settings, units: Units) -> Stripe | None:
    """Who takes cards for the shop."""
    if settings.stripe is None:
        return None
    # Stripe's library is large too.
    from bridge.integrations.stripe import integration as stripe

    return stripe.build(settings.stripe, units, settings.periods.outgoing_timeout_seconds)


def _chatwoot_client(settings: Settings, redis_url: str | None) -> Client | None:
    told = settings.chatwoot
    if not told.is_connected:
        return None
    return Client(
        told.url,
        told.account_id,
        told.api_token,
        bot_token=told.bot_token,
        timeout=(3.0, settings.periods.outgoing_timeout_seconds),
        throttle=Throttle(redis_url, per_second=told.rate_per_second),
    )


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    settings = settings_module.load(environ)
    logs.configure(settings.log_format)
    return settings


def web() -> Flask:
    """For gunicorn: `gunicorn -c bridge/gunicorn.py 'app:web()'`. Needs DATABASE_URL."""
    settings = load_settings()
    return edge(
        compose(
            settings, settings.database_url or "", settings.redis_url, ring_seconds=WEB_RING_SECONDS
        )
    )


def edge(parts: Mendline) -> Flask:
    """The HTTP edge over these parts."""
    # Imported here, because workers and the scheduler live without it and stay smaller.
    from bridge.context import Context
    from bridge.web import create_app

    return create_app(
        Context(
            settings=parts.settings,
            engine=parts.engine,
            units=parts.units,
            seal=parts.seal,
            shop=parts.shop,
            doorbell=parts.doorbell,
            integrations=parts.integrations,
            redis_url=parts.redis_url,
            payments=parts.payments,
        )
    )
