"""Handlers for shop events: each calls the service that the API and note commands call too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import select

from bridge.integrations.shop import verify
from crm import taking_in
from crm.core.errors import NotFound, UnknownParent
from crm.core.events import Actor
from crm.core.inbox import InboxRow
from crm.core.integration import Endpoint, Handler, Integration
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork, Units
from crm.core.vault import Seal
from crm.customers import service as customers
from crm.customers.service import Person
from crm.repairs import service as repairs
from crm.repairs import status_maps
from crm.repairs.models import Repair
from crm.repairs.opening import NewRepair
from crm.repairs.rules import Outcome
from crm.repairs.service import Address, StatusNews
from crm.repairs.status_maps import StatusMap
from crm.repairs.statuses import RepairStatus
from crm.staff.models import ApiKey

T = TypeVar("T")


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
        data, actor = _data(uow, row), _actor(uow, row)
        known = uow.session.scalars(
            select(Repair).where(
                Repair.owner_key == row.sender, Repair.external_id == data["external_id"]
            )
        ).first()
        if known is not None:
            address = Address(external_id=data["external_id"], owner_key=row.sender)
            _report(uow, address, data, actor, _statuses(uow, row))
            return
        ticket = _known(
            lambda: taking_in.talked_about(
                uow,
                self._account_id,
                ticket=data["ticket"],
                conversation=data["conversation_id"],
            )
        )
        repair = taking_in.take_in(
            uow,
            NewRepair(
                customer_id=None,
                device=data["device"],
                problem=data["problem"],
                status=data["status"] or RepairStatus.RECEIVED,
                owner_key=row.sender,
                external_id=data["external_id"],
                version=data["version"],
                technician=data["technician"],
                estimated_on=data["estimated_completion"],
                estimate_minor=data["estimate_minor"],
                currency=self._shop.currency,
                # Not the moment of handling: news that came in meanwhile would look late.
                occurred_at=data["occurred_at"] or row.received_at,
                note=data["note"],
            ),
            actor,
            by_staff=False,
            person=_person(data["customer"]),
            ticket=ticket,
        )
        repairs.set_flags(uow, Address(ref=repair.ref), list(data["meaning"].flags), actor)

    def status_changed(self, uow: UnitOfWork, row: InboxRow) -> None:
        data, actor = _data(uow, row), _actor(uow, row)
        _known(lambda: _report(uow, _address(row, data), data, actor, _statuses(uow, row)))

    def note_added(self, uow: UnitOfWork, row: InboxRow) -> None:
        data, actor = _data(uow, row), _actor(uow, row)
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
        data, actor = _data(uow, row), _actor(uow, row)
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
        data, actor = _data(uow, row), _actor(uow, row)
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


def _person(told: dict[str, Any] | None) -> Person | None:
    """Somebody taken down at the counter; a name alone is nobody we could know again."""
    if not told or not (told["email"] or told["phone"]):
        return None
    return customers.told(**told, by_staff=False)


def _statuses(uow: UnitOfWork, row: InboxRow) -> StatusMap:
    return status_maps.of_key(uow.session.get_one(ApiKey, row.sender))


def _data(uow: UnitOfWork, row: InboxRow) -> dict[str, Any]:
    _, data = verify.read(row.body or b"", _statuses(uow, row))
    return data or {}


def _actor(uow: UnitOfWork, row: InboxRow) -> Actor:
    key = uow.session.get_one(ApiKey, row.sender)
    return Actor("shop", key.name, key.id)


def _address(row: InboxRow, data: dict[str, Any]) -> Address:
    return Address(ref=data["ref"], external_id=data["external_id"], owner_key=row.sender)


def _report(
    uow: UnitOfWork, address: Address, data: dict[str, Any], actor: Actor, statuses: StatusMap
) -> None:
    """A status, the flags its name stands for, or both; old news sets no flags."""
    repair = repairs.find(uow, address)
    told, known = data["version"], repair.external_version
    occurred_at = data["occurred_at"]
    if told is not None and known is not None:
        is_late = told <= known
    else:
        is_late = occurred_at is not None and occurred_at < repair.status_occurred_at
    news = _news(data, data["status"] or RepairStatus(repair.status))
    reported = repairs.change_status(uow, address, news, actor)
    if not is_late and reported.outcome is not Outcome.LATE:
        flags = statuses.with_flags(repair.flags, data["meaning"])
        repairs.set_flags(uow, address, flags, actor)


def _news(data: dict[str, Any], status: RepairStatus) -> StatusNews:
    return StatusNews(
        status=status,
        by_staff=False,
        version=data["version"],
        occurred_at=data["occurred_at"],
        note=data["note"],
        internal_note=data.get("internal_note"),
        reason=data.get("reason"),
        technician=data["technician"],
        estimated_on=data["estimated_completion"],
    )


def _known(act: Callable[[], T]) -> T:
    """What nobody told us of yet may still come: news of it waits (reliability.md, rule 10)."""
    try:
        return act()
    except NotFound as error:
        raise UnknownParent(error.detail) from error


def build(units: Units, seal: Seal, shop: Shop, account_id: int) -> Integration:
    hook = verify.Hook(units, seal)
    return Integration(
        name="shop",
        endpoints=(Endpoint("/webhooks/shops/<key_id>", hook.verify),),
        handlers=Inbound(shop, account_id).handlers(),
    )
