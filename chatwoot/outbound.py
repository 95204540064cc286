"""Every kind of effect in Chatwoot and what carries it out."""

from __future__ import annotations

from collections.abc import Callable

from chatwoot.agents import FindAgent
from chatwoot.client import Client
from chatwoot.sends import ForgetContact, HandOff, SendMessage
from chatwoot.syncs import Refresh, SyncContact, SyncConversation, SyncStatus
from chatwoot.whatsapp import ReadTemplates
from crm.core.integration import Deliverer
from crm.core.shop import Shop
from crm.core.uow import Units


def deliverers(
    client: Client, units: Units, shop: Shop, read: Callable[[int, int | None], int]
) -> dict[str, Deliverer]:
    """read: `reconcile.Reader.read`, given from outside because it fills the inbox."""
    message = SendMessage(client, shop.timezone)
    return {
        "chatwoot.message": message,
        "chatwoot.note": message,
        "chatwoot.handoff": HandOff(client),
        "chatwoot.forget": ForgetContact(client),
        "chatwoot.contact": SyncContact(client, units, shop),
        "chatwoot.conversation": SyncConversation(client, units),
        "chatwoot.status": SyncStatus(client, units),
        "chatwoot.refresh": Refresh(read),
        "chatwoot.agent": FindAgent(client, units),
        "chatwoot.templates": ReadTemplates(client, units),
    }
