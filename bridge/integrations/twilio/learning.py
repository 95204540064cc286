"""What Twilio's error numbers tell about the number a message went to.

https://www.twilio.com/docs/api/errors; the others tell about the message, the carrier or our
account, and the next message may fare better.
"""

from __future__ import annotations

from crm.core.uow import UnitOfWork
from crm.texting import numbers

OPTED_OUT = frozenset({21610})
# Not a number, a landline, unknown to the carrier; not on WhatsApp.
UNREACHABLE = frozenset({21211, 21217, 21614, 30005, 30006, 63003, 63024})


def learn(uow: UnitOfWork, channel: str, number: str, error: int | None) -> None:
    """number: E.164. error: Twilio's."""
    if error in OPTED_OUT:
        numbers.stop(uow, number, f"Twilio: error {error}")
    elif error in UNREACHABLE:
        numbers.unreachable(uow, channel, number, f"Twilio: error {error}")
