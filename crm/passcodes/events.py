"""News about the passcode box; never the code itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class PasscodeEvent(Event):
    subject_kind: ClassVar[str] = "repair"


@dataclass(frozen=True)
class PasscodeSet(PasscodeEvent):
    kind: ClassVar[str] = "passcode.set"
    is_from_chat: bool


@dataclass(frozen=True)
class PasscodeSeen(PasscodeEvent):
    kind: ClassVar[str] = "passcode.seen"


@dataclass(frozen=True)
class PasscodeWiped(PasscodeEvent):
    kind: ClassVar[str] = "passcode.wiped"
