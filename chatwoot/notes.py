"""Private notes for agents: one place that owes them, in the shop's own language."""

from __future__ import annotations

from typing import Any

from chatwoot.owing import owe_note
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.notifications import texts
from crm.repairs.models import Repair
from crm.tickets.models import Conversation


class Notes:
    def __init__(self, shop: Shop):
        self.shop = shop

    def write(
        self,
        uow: UnitOfWork,
        conversation: Conversation,
        effect_key: str,
        template: str,
        values: dict[str, Any],
    ) -> None:
        """template: `note_<what>.chat`. effect_key: one note per thing told."""
        text = texts.render(self.shop.locale, f"note_{template}", "chat", values)
        owe_note(uow, conversation.account_id, conversation.number, effect_key, text)

    def of_repair(self, repair: Repair | None) -> dict[str, str | None]:
        """What most notes say about a repair; of none, all names without a value."""
        if repair is None:
            return dict.fromkeys(("ref", "device", "link", "status"))
        return {
            "ref": repair.ref,
            "device": repair.device,
            "link": self.shop.links.track(repair.id, repair.received_at),
            "status": repair.status,
        }
