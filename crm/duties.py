"""The CRM's periodic duties and their periods; integrations bring their own.

What a duty does is its subject's business; when one is due, and who leads, is the scheduler's.
"""

from __future__ import annotations

from crm.bookings import drafts
from crm.bookings import service as bookings
from crm.catalog import estimates
from crm.core import idempotency, inbox, outbox
from crm.core.integration import Schedule
from crm.core.shop import Shop
from crm.core.uow import Units
from crm.core.vault import Seal
from crm.followups import round as followups
from crm.notices import service as notices
from crm.notifications import channels
from crm.passcodes import service as passcodes
from crm.payments import settling
from crm.payments.provider import Provider
from crm.portal import sessions as portal
from crm.promises.watch import Watch
from crm.quotes import reminding
from crm.staff import sessions
from crm.unclaimed import round as unclaimed
from crm.weekly import round as weekly

MINUTE = 60.0
DAY = 24 * 60 * MINUTE


def schedules(
    units: Units, seal: Seal, shop: Shop, *, payments: Provider | None, has_mail: bool
) -> list[Schedule]:
    """payments: None when nobody takes cards. has_mail: whether letters to owners can leave."""
    reminder = reminding.Round(units, shop.timezone)
    duties = [
        Schedule("core.forget", DAY, lambda: forget(units)),
        Schedule("passcodes.wipe", passcodes.WIPE_EVERY_SECONDS, lambda: _wipe_passcodes(units)),
        Schedule("unclaimed.round", unclaimed.EVERY_SECONDS, unclaimed.Round(units, shop).run),
        Schedule("followups.round", followups.EVERY_SECONDS, followups.Round(units, shop).run),
        Schedule("promises.watch", 10 * MINUTE, Watch(units, shop.timezone).run),
        Schedule("quotes.nudge", reminding.EVERY_SECONDS, reminder.run),
    ]
    if payments is not None:
        turn = settling.Round(units, payments)
        duties.append(Schedule("payments.settle", settling.EVERY_SECONDS, turn.run))
    if has_mail:
        letters = weekly.Round(units, seal, shop)
        duties.append(Schedule("weekly.round", weekly.EVERY_SECONDS, letters.run))
    return duties


def forget(units: Units) -> None:
    """Drop what the rules no longer keep: bodies, keys, answers, sessions."""
    for drop in (
        inbox.forget,
        outbox.forget,
        idempotency.forget,
        sessions.forget,
        bookings.lapse,
        drafts.forget,
        estimates.forget,
        channels.forget,
        notices.forget,
        portal.forget,
    ):
        with units() as uow:
            drop(uow)


def _wipe_passcodes(units: Units) -> None:
    with units() as uow:
        passcodes.wipe_old(uow)
