"""What the admin pages say for the short names that are stored, and how they write moments.

Names of sources, kinds, messages and duties stay as they are stored: they are looked for in the log
and typed into commands. Reasons and errors are the log's, in English.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from babel.dates import format_datetime, format_timedelta
from flask_babel import LazyString, get_locale
from flask_babel import lazy_gettext as _

from bridge.pages.tracking.words import STATUS_WORDS
from crm.agreements.models import Purpose
from crm.core.outbox import SEND, SYNC
from crm.notifications.models import NotificationState
from crm.notifications.rules import Importance, Kind
from crm.repairs.statuses import RepairFlag

# Of deliveries and effects; `bulk` is what waits behind everything else.
STATES: dict[str, LazyString] = {
    "pending": _("pending"),
    "bulk": _("bulk"),
    "running": _("running"),
    "sending": _("sending"),
    "done": _("done"),
    "unsure": _("unsure"),
    "dead": _("dead"),
    "ignored": _("ignored"),
    "cancelled": _("cancelled"),
}
MODES: dict[str, LazyString] = {
    SEND: _("sent once"),
    SYNC: _("brought into line"),
}
STATUSES: dict[str, LazyString] = {status: words.name for status, words in STATUS_WORDS.items()}
FLAGS: dict[str, LazyString] = {
    RepairFlag.AWAITING_APPROVAL: _("waits for approval"),
    RepairFlag.ON_HOLD: _("on hold"),
    RepairFlag.CANCELLED: _("was cancelled"),
    RepairFlag.UNREPAIRABLE: _("cannot be repaired"),
    RepairFlag.IN_STORAGE: _("in storage"),
}
PURPOSES: dict[str, LazyString] = {
    Purpose.DROP_OFF: _("Drop-off terms"),
    Purpose.COLLECTION: _("Collection receipt"),
}
IMPORTANCE: dict[str, LazyString] = {
    Importance.ESSENTIAL: _("essential"),
    Importance.MILESTONE: _("milestone"),
    Importance.PROGRESS: _("progress"),
}
KINDS: dict[str, LazyString] = {
    Kind.SERVICE: _("service"),
    Kind.MARKETING: _("marketing"),
    Kind.CODE: _("code"),
    Kind.STAFF: _("for staff"),
}
MESSAGE_STATES: dict[str, LazyString] = {
    NotificationState.NO_CHANNEL: _("Waits for a way to the customer"),
    NotificationState.QUEUED: _("Waits to be sent"),
    NotificationState.SENT: _("Sent"),
    NotificationState.DELIVERED: _("Delivered"),
    NotificationState.READ: _("Read by the customer"),
    NotificationState.FAILED: _("Could not be sent"),
    NotificationState.CANCELLED: _("Cancelled"),
    NotificationState.SUPERSEDED: _("A later one says more"),
    NotificationState.SKIPPED: _("Not sent"),
}
CHANNELS: dict[str, LazyString] = {
    "chatwoot": _("Chat"),
    "mail": _("E-mail"),
    "whatsapp": _("WhatsApp"),
    "sms": _("SMS"),
}


def exact(moment: datetime) -> str:
    """To the second and in UTC, as the log has it."""
    return format_datetime(moment, "medium", tzinfo=UTC, locale=get_locale())


def lasting(seconds: float) -> str:
    return format_timedelta(
        timedelta(seconds=seconds), threshold=1.2, format="short", locale=get_locale()
    )


def ago(seconds: float) -> str:
    """`2 minutes ago`."""
    return format_timedelta(
        timedelta(seconds=-seconds), threshold=1.2, add_direction=True, locale=get_locale()
    )
