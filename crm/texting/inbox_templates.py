"""Approved templates of WhatsApp inboxes: what may be said in their conversations at any time.

They are read where the inbox is; those that staff store for our own sender are in `templates.py`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select

from crm.core.uow import UnitOfWork
from crm.texting.models import InboxTemplate
from crm.texting.templates import fit

# `{{1}}` or `{{device}}`.
SLOT = re.compile(r"\{\{\s*(\w{1,60})\s*\}\}")


@dataclass(frozen=True)
class Ready:
    """A template with a message's values. values: by the number or name of their slot.

    words: what the customer will read.
    """

    remote_name: str
    language: str
    category: str
    values: Mapping[str, str]
    words: str


def slots(words: str) -> list[str]:
    """What a template asks for, each once: by number, or named ones in their order."""
    asked = list(dict.fromkeys(SLOT.findall(words)))
    return sorted(asked, key=int) if all(slot.isdecimal() for slot in asked) else asked


def replace(uow: UnitOfWork, found: Mapping[int, Sequence[InboxTemplate]]) -> None:
    """found: inbox -> its templates. Those of other inboxes are forgotten."""
    uow.session.execute(delete(InboxTemplate))
    for rows in found.values():
        uow.session.add_all(rows)


def listed(uow: UnitOfWork) -> list[InboxTemplate]:
    order = (InboxTemplate.name, InboxTemplate.locale, InboxTemplate.inbox_id)
    return list(uow.session.scalars(select(InboxTemplate).order_by(*order)))


def filled(
    uow: UnitOfWork, inbox_id: int | None, name: str, locale: str, values: Mapping[str, str]
) -> Ready | None:
    """None when the inbox has none that can be used, or a value is not known."""
    row = uow.session.get(InboxTemplate, (inbox_id or 0, name, locale))
    if row is None or row.problem is not None or not _are_known(row.variables, values):
        return None
    asked = dict(zip(slots(row.words), (fit(values[one]) for one in row.variables), strict=True))
    words = SLOT.sub(lambda slot: asked[slot[1]], row.words)
    return Ready(row.remote_name, row.language, row.category, asked, words)


def _are_known(variables: Collection[str], values: Mapping[str, str]) -> bool:
    return all(one in values for one in variables)
