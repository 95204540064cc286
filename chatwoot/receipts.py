"""What became of a message of ours over there: delivered, read, or refused by its channel.

A message event says only that it failed (`external_error`); how far it came stands in the copy of
the conversation's last message (webhooks.md 6.4), so for an older one the thread is asked.
"""

from __future__ import annotations

from typing import Any

from chatwoot.owing import owe_refresh
from crm.core.errors import Permanent
from crm.core.masking import mask_text
from crm.core.uow import UnitOfWork
from crm.notifications import channels
from crm.notifications.models import NotificationState

_REACHED = {
    "delivered": NotificationState.DELIVERED,
    "read": NotificationState.READ,
}
_FAILED = "failed"
_LONGEST_ERROR = 300
_UNSAID = "its channel could not deliver it"


def heard(uow: UnitOfWork, account_id: int, body: dict[str, Any], effect_key: str) -> None:
    """body: a message event, checked. effect_key: of our own effect that this message is."""
    told = channels.carried(uow, effect_key)
    if told is None:
        return
    status, error = _status(body), _error(body)
    if error and status not in _REACHED:
        # Releases that keep the words of an earlier failure do so beside the newer status.
        status = _FAILED
    if status == _FAILED:
        reason = f"{Permanent.code}: {error or _UNSAID}"
        channels.gave_up(uow, channels.by_effect_key(uow, effect_key), reason)
    elif status in _REACHED:
        channels.reached(uow, told, effect_key, "chatwoot", _REACHED[status])
    elif status is None and told.state != NotificationState.READ:
        owe_refresh(uow, account_id, body["conversation"]["id"], message_id=body["id"])


def _status(body: dict[str, Any]) -> str | None:
    """Of this message, where the body tells it."""
    copies = body["conversation"]["messages"] or ()
    return next((copy["status"] for copy in copies if copy["id"] == body["id"]), None)


def _error(body: dict[str, Any]) -> str:
    """In one line, without the numbers and addresses that channels name in it."""
    error = (body["content_attributes"] or {}).get("external_error")
    words = " ".join(error.split()) if isinstance(error, str) else ""
    return mask_text(words.replace("\x00", ""))[:_LONGEST_ERROR]
