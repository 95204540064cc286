"""Handlers for shop events: each calls the service that the API and note commands call too."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from bridge.integrations.shop import verify
from crm.core.errors import NotFound, UnknownParent
from crm.core.events import Actor
from crm.core.inbox import InboxRow
from crm.core.integration import Endpoint, Handler, Integration
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork, Units
from crm.core.vault import Seal
from crm.customers import service as customers
from crm.customers.rules import email_key, phone_key
from crm.customers.service import Person
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.service import Address, NewRepair, StatusNews
from crm.staff.models import ApiKey
from crm.tickets.models import Conversation, Ticket


class Inbound:
    """account_id: the Chatwoot account that `conversation_id` means."""

    def __init__(self, shop: Shop, account_id: int):
        self._shop = shop
        self._account_id = account_id

    def handlers(self) -> dict[tuple[str, str], Handler]:
        return {
            (verify.SOURCE, kind): handler
            for kind, handler in {
                "repair.created": self.created,
                "repair.status_changed": self.status_changed,
                "repair.note_added": self.note_added,
                "repair.estimate_changed": self.estimate_changed,
                "part.ordered": self.part_moved,
                "part.arrived": self.part_moved,
            }.items()
        }

    def created(self, uow: UnitOfWork, row: InboxRow) -> None:
        """A repair the shop took in. One we know already is told its status instead."""
        data, actor = _data(row), _actor(uow, row)
        known = uow.session.scalars(
            select(Repair).where(
                Repair.owner_key == row.sender, Repair.external_id == data["external_id"]
            )
        ).first()
        if known is not None:
            news = _news(data)
            repairs.change_status(
                uow, Address(external_id=data["external_id"], owner_key=row.sender), news, actor
            )
            return
        ticket, conversation = self._talked_about(uow, data)
        customer_id = self._customer(uow, data, actor)
        if customer_id is None and ticket is not None:
            customer_id = ticket.customer_id
        repair = repairs.create(
            uow,
            NewRepair(
                customer_id=customer_id,
                device=data["device"],
                problem=data["problem"],
                status=data["status"],
                owner_key=row.sender,
                external_id=data["external_id"],
                version=data["version"],
                technician=data["technician"],
                estimated_on=data["estimated_completion"],
                estimate_minor=data["estimate_minor"],
                currency=self._shop.currency,
                occurred_at=data["occurred_at"],
                note=data["note"],
            ),
            actor,
            by_staff=False,
        )
        if ticket is not None:
            repairs.link(uow, repair, ticket.id, ticket.customer_id, actor)

    def status_changed(self, uow: UnitOfWork, row: InboxRow) -> None:
        data, actor = _data(row), _actor(uow, row)
        _known(lambda: repairs.change_status(uow, _address(row, data), _news(data), actor))

    def note_added(self, uow: UnitOfWork, row: InboxRow) -> None:
        data, actor = _data(row), _actor(uow, row)
        _known(
            lambda: repairs.note(
                uow,
                _address(row, data),
                actor,
                outcome="note",
                note=data["note"],
                internal_note=data["internal_note"],
                occurred_at=data["occurred_at"],
            )
        )

    def estimate_changed(self, uow: UnitOfWork, row: InboxRow) -> None:
        data, actor = _data(row), _actor(uow, row)
        _known(
            lambda: repairs.change_estimate(
                uow,
                _address(row, data),
                actor,
                estimated_on=data["estimated_completion"],
                estimate_minor=data["estimate_minor"],
                note=data["note"],
                occurred_at=data["occurred_at"],
            )
        )

    def part_moved(self, uow: UnitOfWork, row: InboxRow) -> None:
        data, actor = _data(row), _actor(uow, row)
        expected = data["expected_on"]
        _known(
            lambda: repairs.note(
                uow,
                _address(row, data),
                actor,
                outcome=row.type.replace(".", "_"),
                note=data["note"],
                internal_note=data["internal_note"] or data["part"],
                occurred_at=data["occurred_at"],
                details={
                    "part": data["part"],
                    "expected_on": expected.isoformat() if expected else None,
                },
            )
        )

    def _talked_about(
        self, uow: UnitOfWork, data: dict[str, Any]
    ) -> tuple[Ticket | None, Conversation | None]:
        if data["ticket"]:
            ticket = uow.session.scalars(select(Ticket).where(Ticket.ref == data["ticket"])).first()
            if ticket is None:
                raise UnknownParent(f"no ticket {data['ticket']}")
            return ticket, None
        if data["conversation_id"]:
            conversation = uow.session.scalars(
                select(Conversation).where(
                    Conversation.account_id == self._account_id,
                    Conversation.number == data["conversation_id"],
                )
            ).first()
            if conversation is None:
                raise UnknownParent(f"no conversation {data['conversation_id']}")
            return uow.session.get_one(Ticket, conversation.ticket_id), conversation
        return None, None

    def _customer(self, uow: UnitOfWork, data: dict[str, Any], actor: Actor) -> int | None:
        """The shop took these down at the counter, so its word proves them."""
        told = data["customer"]
        if not told or not (told["email"] or told["phone"]):
            return None
        keys = []
        if told["email"]:
            keys.append(email_key(told["email"], proven=True))
        if told["phone"]:
            keys.append(phone_key(told["phone"], proven=True))
        person = Person(
            told["name"], told["email"], told["phone"], told["locale"], keys=tuple(keys)
        )
        return customers.recognise(uow, person, actor).id


def _data(row: InboxRow) -> dict[str, Any]:
    _, data = verify.read(row.body or b"")
    return data or {}


def _actor(uow: UnitOfWork, row: InboxRow) -> Actor:
    key = uow.session.get_one(ApiKey, row.sender)
    return Actor("shop", key.name, key.id)


def _address(row: InboxRow, data: dict[str, Any]) -> Address:
    return Address(ref=data["ref"], external_id=data["external_id"], owner_key=row.sender)


def _news(data: dict[str, Any]) -> StatusNews:
    return StatusNews(
        status=data["status"],
        by_staff=False,
        version=data["version"],
        occurred_at=data["occurred_at"],
        note=data["note"],
        internal_note=data.get("internal_note"),
        reason=data.get("reason"),
        technician=data["technician"],
        estimated_on=data["estimated_completion"],
    )


def _known(act) -> None:
    """A repair nobody told us of yet may still come: its news waits (reliability.md, rule 10)."""
    try:
        act()
    except NotFound as error:
        raise UnknownParent(error.detail) from error


def build(units: Units, seal: Seal, shop: Shop, account_id: int) -> Integration:
    hook = verify.Hook(units, seal)
    return Integration(
        name="shop",
        endpoints=(Endpoint("/webhooks/shops/<key_id>", hook.verify),),
        handlers=Inbound(shop, account_id).handlers(),
    )
