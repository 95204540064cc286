"""Which e-mail addresses take no mail: learned from mail servers, forgotten when somebody proves the
address anew.

What a server's answer means is the mail integration's business; asking before sending, the channel's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert

from crm.core.uow import UnitOfWork
from crm.customers import rules
from crm.mailboxes.models import Mailbox, MailboxState


def known(uow: UnitOfWork, address: str) -> Mailbox | None:
    """None when nothing was ever heard against it."""
    return uow.session.get(Mailbox, _digest(address), populate_existing=True)


def obstacle(uow: UnitOfWork, address: str) -> str | None:
    """Why nothing arrives there; None when something may."""
    found = known(uow, address)
    if found is None or found.state == MailboxState.OK:
        return None
    return f"the address takes no mail: {found.reason}"


def unreachable(uow: UnitOfWork, address: str, reason: str) -> None:
    """No mail can arrive there. The first time counts, until they prove the address again."""
    row = insert(Mailbox).values(
        digest=_digest(address), state=MailboxState.UNDELIVERABLE, reason=reason, since=uow.now
    )
    news = {name: row.excluded[name] for name in ("state", "reason", "since")}
    uow.session.execute(
        row.on_conflict_do_update(
            index_elements=["digest"], set_=news, where=Mailbox.state == MailboxState.OK
        )
    )


def heard(uow: UnitOfWork, address: str, reason: str) -> None:
    """Somebody proved that mail arrives there. Of an address without a past nothing is kept."""
    uow.session.execute(
        update(Mailbox)
        .where(Mailbox.digest == _digest(address), Mailbox.state == MailboxState.UNDELIVERABLE)
        .values(state=MailboxState.OK, reason=reason, since=uow.now)
    )


def forget(uow: UnitOfWork, addresses: Iterable[str]) -> None:
    """Drop what is known about somebody's addresses."""
    uow.session.execute(
        delete(Mailbox).where(Mailbox.digest.in_({_digest(one) for one in addresses}))
    )


def _digest(address: str) -> str:
    spelt = rules.email_key(address, proven=True).value
    return hashlib.sha256(spelt.encode()).hexdigest()
