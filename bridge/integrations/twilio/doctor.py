"""The doctor's test text message."""

from __future__ import annotations

from urllib.parse import urlencode

from bridge.integrations.twilio.client import Refused, Texting
from bridge.integrations.twilio.inbound import KEY
from bridge.settings import TwilioSettings
from crm.core import money
from crm.core.checks import Check
from crm.core.errors import Denied, Outward, Temporary
from crm.customers.rules import is_e164
from crm.texting import prices, segments

SECONDS = 10.0
TEST = "sms.test"


def send_test(told: TwilioSettings | None, public_url: str, shop_name: str, to: str) -> Check:
    """Sends one text message, and tells what Twilio answered and what it will cost."""
    if told is None or told.sms_from is None:
        return Check(TEST, "fail", "no SMS",
                     "Set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM.")  # fmt: skip
    if not is_e164(to):
        return Check(TEST, "fail", "not a number", "Give one such as +447700900123.")
    words = segments.short_words(f"Test from {shop_name}: text messages arrive here.")
    texting = Texting(told, told.sms_from, public_url, SECONDS)
    try:
        sent = texting.send(to, words, urlencode({KEY: "doctor"}))
    except Outward as error:
        return Check(TEST, "fail", error.detail, _todo(error))
    cost = prices.of_sms(to, segments.counted(words).segments)
    price = money.in_words(cost.minor, cost.currency, "en")
    return Check(TEST, "ok",
                 f"accepted by Twilio as {sent.sid}; {cost.segments} segment(s), about {price}",
                 "Look whether it arrived; accepted is not delivered.")  # fmt: skip


def _todo(error: Outward) -> str:
    if isinstance(error, Denied):
        return "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN."
    if isinstance(error, Refused) and error.error:
        return f"Look it up: https://www.twilio.com/docs/api/errors/{error.error}"
    if isinstance(error, Temporary):
        return "Check that this machine reaches Twilio, then try again."
    return "Look whether it arrived, then try again."
