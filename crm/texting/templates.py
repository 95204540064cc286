"""WhatsApp's approved templates: which of our messages may be sent outside the window, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select

from crm.core import audit
from crm.core.errors import NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.texting.models import InboxTemplate, WhatsAppTemplate

LONGEST_VALUE = 500
NOTHING = "-"  # WhatsApp refuses an empty variable


@dataclass(frozen=True)
class Filled:
    """values: of the template's {{1}}, {{2}}… in their order."""

    content_sid: str
    values: tuple[str, ...]


def listed(uow: UnitOfWork) -> list[WhatsAppTemplate]:
    order = (WhatsAppTemplate.name, WhatsAppTemplate.locale)
    return list(uow.session.scalars(select(WhatsAppTemplate).order_by(*order)))


def put(
    uow: UnitOfWork,
    name: str,
    locale: str,
    content_sid: str,
    variables: Sequence[str],
    actor: Actor,
) -> WhatsAppTemplate:
    """Store or replace the template of one message in one language. Audited."""
    row = uow.session.get(WhatsAppTemplate, (name, locale), with_for_update=True)
    if row is None:
        row = WhatsAppTemplate(name=name, locale=locale)
        uow.session.add(row)
    row.content_sid, row.variables = content_sid, list(variables)
    row.updated_at, row.updated_by = uow.now, actor.name
    audit.write(
        uow, actor, "whatsapp_template.put", f"{name}.{locale}", {"content_sid": content_sid}
    )
    uow.session.flush()
    return row


def remove(uow: UnitOfWork, name: str, locale: str, actor: Actor) -> None:
    """Raises NotFound."""
    row = uow.session.get(WhatsAppTemplate, (name, locale), with_for_update=True)
    if row is None:
        raise NotFound("no such template")
    uow.session.delete(row)
    audit.write(uow, actor, "whatsapp_template.remove", f"{name}.{locale}", {})


def filled(
    uow: UnitOfWork, name: str, locale: str, values: Mapping[str, str], sender: str
) -> Filled | None:
    """The template with this message's values; None when none is known or a value is not.

    One that staff stored comes before those of the sender's own inbox.
    """
    row = uow.session.get(WhatsAppTemplate, (name, locale))
    if row is None:
        of_inbox = _of_inbox(sender).filter_by(name=name, locale=locale)
        row = uow.session.scalars(of_inbox.limit(1)).first()
    if row is None or not all(one in values for one in row.variables):
        return None
    return Filled(row.content_sid, tuple(fit(values[one]) for one in row.variables))


def told(uow: UnitOfWork, sender: str) -> set[tuple[str, str]]:
    """Name and locale of every message that may be sent outside the window."""
    rows = [*listed(uow), *uow.session.scalars(_of_inbox(sender))]
    return {(row.name, row.locale) for row in rows}


def _of_inbox(sender: str) -> Select[tuple[InboxTemplate]]:
    """Those with a variable at least: it tells two messages of one template apart."""
    return select(InboxTemplate).where(
        InboxTemplate.number == sender,
        InboxTemplate.content_sid.is_not(None),
        InboxTemplate.problem.is_(None),
        InboxTemplate.variables != [],
    )


def fit(value: str) -> str:
    """WhatsApp refuses line ends, tabs and many blanks in a row."""
    return " ".join(value.split())[:LONGEST_VALUE] or NOTHING
