"""What Twilio's error numbers tell about the number a message went to.

https://www.twilio.com/docs/api/errors; the others tell about the message, the carrier or our
account, and the next message may fare better: a handset that is off (30003), a block that may be of
the wording as well (30004, 30007), and what nobody knows (30008).
"""

from __future__ import annotations

from crm.core.uow import UnitOfWork
from crm.texting import numbers

OPTED_OUT = frozenset({21610})
# Not a number, a short code, a landline, unknown to the carrier; not on WhatsApp, or they blocked us
# there.
UNREACHABLE = frozenset({21211, 21217, 21265, 21614, 21635, 30005, 30006, 63003, 63014, 63024})


def learn(uow: UnitOfWork, channel: str, number: str, error: int | None) -> None:
    """number: E.164. error: Twilio's."""
    if error in OPTED_OUT:
        numbers.stop(uow, number, f"Twilio: error {error}")
    elif error in UNREACHABLE:
        numbers.unreachable(uow, channel, number, f"Twilio: error {error}")
