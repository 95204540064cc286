"""The whole contract of an integration: what it receives, handles, delivers and does on schedule.

`app.INTEGRATIONS` lists them; an integration without its settings is simply not in the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from crm.core.events import Event
from crm.core.inbox import Delivery, InboxRow
from crm.core.outbox import Effect
from crm.core.uow import Reaction, UnitOfWork


@dataclass(frozen=True)
class Received:
    """One HTTP request at a webhook address, as raw as it came.

    headers: case-insensitive mapping. path_args: the variable parts of the address. query: what
    follows its question mark, as it came.
    """

    headers: Mapping[str, str]
    body: bytes
    path_args: Mapping[str, str]
    remote_address: str
    request_id: str
    query: str = ""


@dataclass(frozen=True)
class Endpoint:
    """rule: Flask path. verify: proves the sender and names the delivery.

    verify raises Unauthenticated (bad proof), BrokenBody (not JSON), Invalid (does not fit).
    unavailable_status: what the sender gets when nothing could be stored (500 to Chatwoot, 503 to
    the others, reliability.md rule 2). mimetype: of the bodies it sends. is_silent: it wants 204 and
    no body for an answer.
    """

    rule: str
    verify: Callable[[Received], Delivery]
    unavailable_status: int = 503
    mimetype: str = "application/json"
    is_silent: bool = False


class Handler(Protocol):
    """Acts on one inbox row inside the unit of work that also marks it done."""

    def __call__(self, uow: UnitOfWork, row: InboxRow) -> None: ...


class Deliverer(Protocol):
    """Carries out one kind of effect. No unit of work is open while `deliver` and `look_up` run.

    postponed_until: a moment to wait for, None to go on. Asked before every try, in the unit that
    claims the row; waiting costs no attempt, and what was owed after it in its lane may pass.
    Raises Obsolete when it is not to be done at all.
    before_first_try: notes in a short unit what a later look-up will need; stored as
    `Effect.context`.
    deliver: returns a small JSON result; raises Temporary, Denied, Permanent, Uncertain or Obsolete.
    on_dead: it failed for good. on_cancelled: its deadline passed before it was sent, or it turned
    out to be obsolete.
    look_up: the result if the effect is over there, None if it is not; raises when it can't tell.
    """

    def postponed_until(self, uow: UnitOfWork, effect: Effect) -> datetime | None: ...

    def before_first_try(self, uow: UnitOfWork, effect: Effect) -> dict[str, Any]: ...

    def deliver(self, effect: Effect) -> dict[str, Any]: ...

    def look_up(self, effect: Effect) -> dict[str, Any] | None: ...

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None: ...

    def on_dead(self, uow: UnitOfWork, effect: Effect, reason: str) -> None: ...

    def on_cancelled(self, uow: UnitOfWork, effect: Effect, reason: str) -> None: ...


class PlainDeliverer:
    """What most deliverers need: nothing noted before, nothing done after, harmless to repeat."""

    def postponed_until(self, uow: UnitOfWork, effect: Effect) -> datetime | None:
        """Any moment is as good."""
        return None

    def before_first_try(self, uow: UnitOfWork, effect: Effect) -> dict[str, Any]:
        return {}

    def look_up(self, effect: Effect) -> dict[str, Any] | None:
        """Repeating it is harmless, so it counts as not there."""
        return None

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        """The effect is the result."""

    def on_dead(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        """The dead row tells staff."""

    def on_cancelled(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        """Its moment passed, which needs nobody."""


@dataclass(frozen=True)
class Schedule:
    """A periodic duty. every_seconds: at least this long between two starts; missed ones run once.

    run is called without an open unit; at_start: also once whenever a scheduler takes the lead.
    """

    name: str
    every_seconds: float
    run: Callable[[], Any]
    at_start: bool = False


@dataclass(frozen=True)
class Integration:
    """channels: each a `crm.notifications.channels.Channel`."""

    name: str
    endpoints: Sequence[Endpoint] = ()
    handlers: Mapping[tuple[str, str], Handler] = field(default_factory=dict)
    deliverers: Mapping[str, Deliverer] = field(default_factory=dict)
    reactions: Mapping[type[Event], Sequence[Reaction]] = field(default_factory=dict)
    schedules: Sequence[Schedule] = ()
    channels: Sequence[Any] = ()
