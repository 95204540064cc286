"""News about agreements; all of it is about a repair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class AgreementEvent(Event):
    subject_kind: ClassVar[str] = "repair"
    agreement_id: int
    purpose: str


@dataclass(frozen=True)
class SignatureRequested(AgreementEvent):
    """The customer is to get the link by message."""

    kind: ClassVar[str] = "agreement.requested"


@dataclass(frozen=True)
class AgreementSigned(AgreementEvent):
    kind: ClassVar[str] = "agreement.signed"


@dataclass(frozen=True)
class CollectionProven(Event):
    """Who collects was checked by other means than a signature."""

    kind: ClassVar[str] = "collection.proven"
    subject_kind: ClassVar[str] = "repair"
    proof_id: int
