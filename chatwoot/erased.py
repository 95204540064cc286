"""News about erased people is dropped unread, so that reconcile and late webhooks bring nobody back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import update

from chatwoot.verify import parse
from crm.core.inbox import InboxRow
from crm.core.integration import Handler
from crm.core.uow import UnitOfWork
from crm.privacy.models import is_buried


def guarded(
    account_id: int, handlers: Mapping[tuple[str, str], Handler]
) -> dict[tuple[str, str], Handler]:
    return {key: _unless_erased(account_id, handler) for key, handler in handlers.items()}


def _unless_erased(account_id: int, handler: Handler) -> Handler:
    def handle(uow: UnitOfWork, row: InboxRow) -> None:
        if is_buried(uow, *_names(account_id, row)):
            uow.session.execute(update(InboxRow).where(InboxRow.id == row.id).values(body=None))
        else:
            handler(uow, row)

    return handle


def _names(account_id: int, row: InboxRow) -> list[str]:
    """What the tombstones of this conversation and its contact are called."""
    names = [row.subject]
    body: Any = parse(row.body or b"{}")
    conversation = body.get("conversation") or body
    meta = conversation.get("meta") if isinstance(conversation, dict) else None
    sender = meta.get("sender") if isinstance(meta, dict) else None
    if isinstance(sender, dict):
        names.append(f"contact:{account_id}:{sender.get('id')}")
    return names
