"""Codes of devices that customers type into the chat: masked before anything is stored.

`Mask` stands at the doors (webhook, reconcile). What it took out of a new message travels beside the
body, sealed, until the message is handled; `Codes` then puts it into the passcode box and tells the
agent. What Chatwoot itself stores is the agent's to delete.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from sqlalchemy import update

from chatwoot.notes import Notes
from chatwoot.verify import parse
from crm import threads
from crm.core.events import Actor
from crm.core.inbox import InboxRow
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal, Unreadable
from crm.passcodes import rules, service
from crm.passcodes.rules import Code, CodeKind
from crm.replies import talks
from crm.replies.rules import Meant
from crm.tickets.mirror import Said
from crm.tickets.models import Conversation, TicketMessage

log = logging.getLogger(__name__)

SEALED = "mendline_sealed_codes"
_INCOMING = ("incoming", 0)
# Parts of every word `passcodes.rules` knows a code by; letters with accents may come escaped.
_SIGNS = (
    b"pass", b"pin", b"pw", b"unlock", b"lock c", b"lockc", b"locking", b"screen lock", b"screenlock",
    b"pattern", b"senha", b"palavra", b"digo", b"padr", b"desen", b"desbloq", SEALED.encode(),
)  # fmt: skip
_DEEPEST = 12


def may_hold(raw: bytes) -> bool:
    """A first look that costs next to nothing: most bodies that come to the door name no code."""
    raw = raw.lower()
    return any(sign in raw for sign in _SIGNS)


def masked(words: str) -> str:
    return rules.hide(words).text


class Mask:
    """seal: for the codes of new messages; None where nobody keeps them, as beside the bot's hook."""

    def __init__(self, seal: Seal | None):
        self._seal = seal

    def __call__(self, body: dict[str, Any], raw: bytes | None = None) -> bool:
        """Mask the codes in every customer's message of an event, in place. False if there is none.

        raw: the body as it came, for a first look that spares the second one.
        Conversations carry copies of messages, messages copies of their own words; all are masked.
        """
        if raw is not None and not may_hold(raw):
            return False
        is_changed = body.pop(SEALED, None) is not None
        words = body.get("content")
        codes: tuple[Code, ...] = ()
        if body.get("event") == "message_created" and body.get("message_type") in _INCOMING:
            codes = rules.hide(words).codes if isinstance(words, str) else ()
        is_changed |= _mask_tree(body, is_said=False, depth=0)
        if codes and self._seal is not None:
            plain = [[code.kind.value, code.value] for code in codes]
            body[SEALED] = self._seal.close(plain).decode()
        return is_changed


def _mask_tree(value: Any, *, is_said: bool, depth: int) -> bool:
    """is_said: inside a customer's message. Whether anything was masked."""
    if depth > _DEEPEST or not isinstance(value, (dict, list)):
        return False
    if isinstance(value, dict) and "message_type" in value:
        is_said = value["message_type"] in _INCOMING
    is_changed = False
    for place, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if not isinstance(inner, str):
            is_changed |= _mask_tree(inner, is_said=is_said, depth=depth + 1)
        elif is_said and (words := masked(inner)) != inner:
            value[place], is_changed = words, True
    return is_changed


class Codes:
    """What becomes of masked codes when their message is handled."""

    def __init__(self, seal: Seal, notes: Notes):
        self._seal = seal
        self._notes = notes

    def take_out(self, uow: UnitOfWork, row: InboxRow) -> list[Code]:
        """The codes that came with a body, which keeps them no longer.

        None where the key that sealed them is lost: the message itself is worth more.
        """
        sealed = self.drop(uow, row)
        if sealed is None:
            return []
        try:
            opened = self._seal.open(sealed.encode())
        except Unreadable as error:
            log.warning("a code of inbox row %s is lost: %s", row.id, error)
            return []
        return [Code(CodeKind(kind), value) for kind, value in opened]

    def drop(self, uow: UnitOfWork, row: InboxRow) -> str | None:
        """Take the codes out of a body, still sealed; rows stay for weeks, codes must not."""
        body = parse(row.body or b"{}")
        sealed = body.pop(SEALED, None)
        if sealed is not None:
            changed = update(InboxRow).where(InboxRow.id == row.id)
            uow.session.execute(changed.values(body=json.dumps(body).encode()))
        return sealed

    def keep(
        self,
        uow: UnitOfWork,
        conversation: Conversation,
        message: TicketMessage,
        said: Said,
        codes: list[Code],
    ) -> None:
        """Put the first code into the box of the repair the message means, and tell the agent.

        Only an open one of this thread: of several, the one its words or the talk are about.
        """
        linked = threads.repairs_of_ticket(uow, conversation.ticket_id)
        candidates = [repair for repair in linked if threads.is_open(repair)]
        if len(candidates) > 1:
            talk = talks.in_conversation(conversation)
            meant = talks.understand(uow, talk, talks.heard(uow, message))
            if isinstance(meant, Meant):
                named = [repair for repair in candidates if repair.id == meant.repair_id]
                candidates = named or candidates
        values: dict[str, Any] = {"outcome": "which" if candidates else "none", "count": len(codes)}
        if len(candidates) == 1:
            repair, actor = candidates[0], Actor("customer", said.author_name)
            is_kept = service.put_from_chat(uow, self._seal, repair.id, repair.ref, codes[0], actor)
            values |= self._notes.of_repair(repair) | {"outcome": "kept" if is_kept else "full"}
        self._notes.write(uow, conversation, f"note:code:{said.id}", "code_hidden", values)
