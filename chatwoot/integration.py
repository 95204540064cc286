"""Chatwoot as an integration: its addresses, handlers, deliverers, reactions and schedules."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from chatwoot import agents, carrying, outbound, refreshing, verify
from chatwoot.agent_notes import AgentNotes
from chatwoot.channel import ConversationChannel
from chatwoot.client import Client
from chatwoot.codes import Codes, Mask
from chatwoot.commands import Commands
from chatwoot.erased import guarded
from chatwoot.inbound import Inbound
from chatwoot.labels import LabelMoves
from chatwoot.meanings import MeaningNotes
from chatwoot.models import HookPin
from chatwoot.notes import Notes
from chatwoot.reconcile import Reader, Reconcile
from chatwoot.whatsapp import SYNC_SECONDS, ReadTemplates
from crm.core import vault
from crm.core.integration import Endpoint, Integration, Schedule
from crm.core.shop import Shop
from crm.core.uow import Units, join

LEARNED = "chatwoot.learned"
FRESH_SECONDS = 10.0
NIGHT = timedelta(hours=24)


@dataclass(frozen=True)
class Told:
    """What the environment says; what provisioning learned fills the empty ones."""

    account_id: int
    webhook_secrets: Sequence[str] = field(repr=False)
    webhook_token: str | None = field(repr=False)
    bot_secrets: Sequence[str] = field(repr=False)


class Secrets:
    """Secrets by name: the environment wins, else what `provision` stored, read anew every 10 s."""

    def __init__(self, told: Told, units: Units, seal: vault.Seal):
        self._told = told
        self._units = units
        self._seal = seal
        self._learned: dict[str, Any] = {}
        self._read_at = float("-inf")

    def webhook(self) -> Sequence[str]:
        return self._told.webhook_secrets or self._one("webhook_secret")

    def bot(self) -> Sequence[str]:
        return self._told.bot_secrets or self._one("bot_secret")

    def token(self) -> str | None:
        return self._told.webhook_token or self.learned().get("webhook_token")

    def learned(self) -> dict[str, Any]:
        # Nothing learned yet is not worth remembering: provisioning may have ended just now.
        if not self._learned or time.monotonic() - self._read_at > FRESH_SECONDS:
            with self._units() as uow:
                self._learned = vault.get(uow, self._seal, LEARNED) or {}
            self._read_at = time.monotonic()
        return self._learned

    def _one(self, name: str) -> Sequence[str]:
        value = self.learned().get(name)
        return (value,) if value else ()


def _pin(units: Units, name: str) -> verify.Pin:
    def read() -> bool:
        with units() as uow:
            return uow.session.get(HookPin, name) is not None

    def write() -> None:
        with units() as uow:
            uow.session.execute(
                insert(HookPin).values(name=name, pinned_at=uow.now).on_conflict_do_nothing()
            )

    return verify.Pin(read, write)


def build(
    told: Told,
    units: Units,
    seal: vault.Seal,
    shop: Shop,
    client: Client | None,
    *,
    reconcile_seconds: float,
) -> Integration:
    """client: None while there is nothing to call; webhooks are still received and effects wait."""
    secrets = Secrets(told, units, seal)
    notes = Notes(shop)
    inbound = Inbound(
        told.account_id, Commands(notes, shop.timezone), LabelMoves(notes), Codes(seal, notes)
    )
    handlers = guarded(told.account_id, inbound.handlers())

    def handles(source: str) -> Callable[[str], bool]:
        return lambda event: (source, event) in handlers

    mask = Mask(seal)
    account = verify.Hook(
        verify.SOURCE, told.account_id, secrets.webhook, handles(verify.SOURCE), mask
    )
    bot = verify.Hook(
        verify.BOT_SOURCE, told.account_id, secrets.bot, handles(verify.BOT_SOURCE), Mask(None)
    )
    address = verify.AddressHook(
        told.account_id,
        secrets.token,
        secrets.webhook,
        handles(verify.SOURCE),
        mask,
        _pin(units, "address"),
    )
    deliverers, schedules = {}, ()
    if client is not None:
        templates = ReadTemplates(client, units)
        reader, reconcile = Reader(client, units, mask), Reconcile(client, units, mask)
        deliverers = outbound.deliverers(client, units, shop, reader.read)
        schedules = (
            Schedule("chatwoot.reconcile", reconcile_seconds, reconcile.run, at_start=True),
            Schedule(
                "chatwoot.reconcile_night",
                NIGHT.total_seconds(),
                lambda: reconcile.run(look_back=NIGHT),
            ),
            Schedule("chatwoot.templates", SYNC_SECONDS, templates.run, at_start=True),
        )
    return Integration(
        name="chatwoot",
        endpoints=(
            # Chatwoot's bots repeat on 429 and 500 only (reliability.md, rule 2).
            Endpoint("/webhooks/chatwoot", account.verify, unavailable_status=500),
            Endpoint("/webhooks/chatwoot/bot", bot.verify, unavailable_status=500),
            Endpoint("/webhooks/chatwoot/<token>", address.verify, unavailable_status=500),
        ),
        handlers=handlers,
        deliverers=deliverers,
        reactions=join(
            AgentNotes(notes).table(),
            MeaningNotes(notes).table(),
            refreshing.table(),
            carrying.table(),
            agents.table(),
        ),
        schedules=schedules,
        channels=(ConversationChannel(),),
    )
