"""What Stripe's webhooks lead to: an event is a hint, so the object it names is owed a look.

Nothing an event says is believed; the look is `outbound.Fetch`'s.
"""

from __future__ import annotations

import json
from functools import partial

import structlog

from bridge.integrations.stripe import outbound
from bridge.integrations.stripe.events import FETCHED
from bridge.integrations.stripe.verify import SOURCE
from crm.core.inbox import InboxRow
from crm.core.integration import Handler
from crm.core.uow import UnitOfWork

log = structlog.get_logger(__name__)


def told(livemode: bool, uow: UnitOfWork, row: InboxRow) -> None:
    """Owe the look; news of a connected account or of the other mode is noted and moves nothing."""
    hint = json.loads(row.body or b"{}")
    if hint.get("account") or hint.get("livemode") is not livemode:
        log.warning("news of another account or mode", delivery=row.id, type=row.type)
        return
    outbound.owe(uow, FETCHED[row.type], hint["object"])


def handlers(livemode: bool) -> dict[tuple[str, str], Handler]:
    """livemode: whether our key moves real money."""
    return {(SOURCE, kind): partial(told, livemode) for kind in FETCHED}
