"""WhatsApp's approved templates: which of our messages may be sent outside the window, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from crm.core import audit
from crm.core.errors import NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.texting.models import WhatsAppTemplate

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


def filled(uow: UnitOfWork, name: str, locale: str, values: Mapping[str, str]) -> Filled | None:
    """The template with this message's values; None when none is stored or a value is not known."""
    row = uow.session.get(WhatsAppTemplate, (name, locale))
    if row is None or not all(one in values for one in row.variables):
        return None
    return Filled(row.content_sid, tuple(_fit(values[one]) for one in row.variables))


def _fit(value: str) -> str:
    """WhatsApp refuses line ends, tabs and many blanks in a row."""
    return " ".join(value.split())[:LONGEST_VALUE] or NOTHING
