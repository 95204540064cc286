"""Delivers `files.fetch`: the attachments of one chat message are filed where they belong.

That is the repair, if the ticket has exactly one that is open, else the ticket itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

from bridge.integrations.files.door import Door, NotThere
from crm import threads
from crm.core.errors import Invalid, Permanent, Temporary, TooMany
from crm.core.events import Actor
from crm.core.integration import Integration, PlainDeliverer, Schedule
from crm.core.outbox import Effect
from crm.core.uow import UnitOfWork, Units
from crm.files import queries, rules, service
from crm.files.receiving import receiving
from crm.files.service import Filing, Owner
from crm.files.store import Store
from crm.tickets.models import TicketMessage

KIND = "files.fetch"
SWEEP_EVERY_SECONDS = 1800.0
STORING_TAKES = timedelta(minutes=10)  # after that a file that is not there will not come


@dataclass(frozen=True)
class Wanted:
    """One attachment that is not filed yet. external_id: message and place in it."""

    external_id: str
    url: str
    name: str


class Fetch(PlainDeliverer):
    """Safe to repeat: what is filed already is left out."""

    def __init__(self, units: Units, store: Store, door: Door):
        self._units = units
        self._store = store
        self._door = door

    def deliver(self, effect: Effect) -> dict[str, Any]:
        """{"filed": how many, "refused": {external id: reason}}. Raises Temporary."""
        message_id = effect.body["message_id"]
        with self._units() as uow:
            wanted = _wanted(uow, message_id)
            is_early = uow.now - (effect.first_tried_at or uow.now) < STORING_TAKES
        refused: dict[str, str] = {}
        for one in wanted:
            try:
                self._file(message_id, one)
            except TooMany as error:
                raise Temporary(error.detail, after=error.after, costs_attempt=False) from error
            except (Invalid, Permanent) as error:
                if is_early and isinstance(error, NotThere):
                    raise Temporary(error.detail) from error
                # Somebody's odd attachment is not our fault: it stays in the chat, and is noted.
                refused[one.external_id] = error.detail
        return {"filed": len(wanted) - len(refused), "refused": refused}

    def _file(self, message_id: int, one: Wanted) -> None:
        with receiving(self._store) as taken:
            with self._door.open(one.url) as stream:
                draft = taken.take(cast(BinaryIO, stream), one.name)
            with self._units() as uow:
                message = uow.session.get_one(TicketMessage, message_id)
                if message.deleted_at is not None:
                    return
                filing = Filing(
                    "chat",
                    Actor(message.author_kind, message.author_name),
                    external_id=one.external_id,
                )
                service.add(uow, self._store, _owner(uow, message.ticket_id), [draft], filing)


def _wanted(uow: UnitOfWork, message_id: int) -> list[Wanted]:
    message = uow.session.get_one(TicketMessage, message_id)
    wanted = []
    for attachment in message.attachments[: rules.MOST_FILES]:
        external_id = f"message:{message_id}:{attachment.get('id')}"
        url = attachment.get("url")
        if url and not queries.is_filed(uow, external_id):
            name = unquote(url.partition("?")[0].rpartition("/")[2])
            wanted.append(Wanted(external_id, url, name))
    return wanted


def _owner(uow: UnitOfWork, ticket_id: int) -> Owner:
    repairs = [one for one in threads.repairs_of_ticket(uow, ticket_id) if threads.is_open(one)]
    if len(repairs) == 1:
        return Owner(repair_id=repairs[0].id)
    return Owner(ticket_id=ticket_id)


def build(units: Units, store: Store, door: Door) -> Integration:
    def sweep() -> None:
        service.sweep(units, store)

    return Integration(
        name="files",
        deliverers={KIND: Fetch(units, store, door)},
        schedules=(Schedule("files.sweep", SWEEP_EVERY_SECONDS, sweep),),
    )
