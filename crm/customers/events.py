"""News about customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class CustomerEvent(Event):
    subject_kind: ClassVar[str] = "customer"


@dataclass(frozen=True)
class CustomerCreated(CustomerEvent):
    kind: ClassVar[str] = "customer.created"


@dataclass(frozen=True)
class AddressProven(CustomerEvent):
    """An e-mail address or number is the customer's for sure. key_kind: `email` or `phone`."""

    kind: ClassVar[str] = "customer.address_proven"
    key_kind: str


@dataclass(frozen=True)
class CustomersMerged(CustomerEvent):
    """subject_id: the customer that stays."""

    kind: ClassVar[str] = "customer.merged"
    merged_id: int


@dataclass(frozen=True)
class CustomersParted(CustomerEvent):
    """A merge was undone. subject_id: the customer that had stayed."""

    kind: ClassVar[str] = "customer.parted"
    merged_id: int


@dataclass(frozen=True)
class CustomerErased(CustomerEvent):
    """Nothing here names the person any more. contacts: (account id, contact id) in Chatwoot."""

    kind: ClassVar[str] = "customer.erased"
    contacts: tuple[tuple[int, int], ...]
