"""What the rules know of the shop they work for, given to them by `app.py`."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from itsdangerous import BadSignature, URLSafeSerializer

TRACK_DAYS = 365
BOOKING_DAYS = 180
QUOTE_DAYS = 90
PAY_DAYS = 365
INVOICE_DAYS = 400
SURVEY_DAYS = 60
PREFERENCES_DAYS = 400


class Links:
    """Addresses of customer pages, opened by a signed, expiring token: one salt per purpose.

    keys: newest first; all are accepted, the first signs. The token of a repair is always the same,
    so that a context that did not change is not written again.
    """

    def __init__(self, public_url: str, keys: tuple[str, ...]):
        self.public_url = public_url.rstrip("/")
        # itsdangerous signs with the last key of a list.
        self._track = URLSafeSerializer(list(reversed(keys)), salt="track")
        self._booking = URLSafeSerializer(list(reversed(keys)), salt="booking")
        self._signing = URLSafeSerializer(list(reversed(keys)), salt="sign")
        self._job = URLSafeSerializer(list(reversed(keys)), salt="job")
        self._quote = URLSafeSerializer(list(reversed(keys)), salt="quote")
        self._pay = URLSafeSerializer(list(reversed(keys)), salt="pay")
        self._invoice = URLSafeSerializer(list(reversed(keys)), salt="invoice")
        self._survey = URLSafeSerializer(list(reversed(keys)), salt="survey")
        self._preferences = URLSafeSerializer(list(reversed(keys)), salt="preferences")
        self._keys = keys

    def track(self, repair_id: int, received_at: datetime) -> str:
        expires = received_at.astimezone(UTC) + timedelta(days=TRACK_DAYS)
        return f"{self.public_url}/track/{self._track.dumps([repair_id, int(expires.timestamp())])}"

    def read_track(self, token: str, now: datetime) -> int | None:
        """The repair a token opens, None when it is forged, damaged or expired."""
        return _read(self._track, token, now)

    def booking(self, booking_id: int, created_at: datetime) -> str:
        """Where a guest goes on with a draft, and changes or cancels a booking."""
        return f"{self.public_url}/book/{self.booking_token(booking_id, created_at)}"

    def booking_token(self, booking_id: int, created_at: datetime) -> str:
        expires = created_at.astimezone(UTC) + timedelta(days=BOOKING_DAYS)
        return self._booking.dumps([booking_id, int(expires.timestamp())])

    def read_booking(self, token: str, now: datetime) -> int | None:
        """The booking a token opens, None when it is forged, damaged or expired."""
        return _read(self._booking, token, now)

    def sign(self, agreement_id: int, expires_at: datetime) -> str:
        """Where a customer signs, and sees for as long what was signed."""
        token = self._signing.dumps([agreement_id, int(expires_at.timestamp())])
        return f"{self.public_url}/sign/{token}"

    def read_sign(self, token: str, now: datetime) -> int | None:
        """The agreement a token opens, None when it is forged, damaged or expired."""
        return _read(self._signing, token, now)

    def invoice(self, invoice_id: int, issued_at: datetime) -> str:
        """Where a customer opens an invoice, credit note or receipt as PDF."""
        expires = issued_at.astimezone(UTC) + timedelta(days=INVOICE_DAYS)
        token = self._invoice.dumps([invoice_id, int(expires.timestamp())])
        return f"{self.public_url}/invoices/{token}.pdf"

    def read_invoice(self, token: str, now: datetime) -> int | None:
        """The document a token opens, None when it is forged, damaged or expired."""
        return _read(self._invoice, token, now)

    def quote(self, quote_id: int, created_at: datetime) -> str:
        """Where a customer sees a quote, approves or declines it."""
        expires = created_at.astimezone(UTC) + timedelta(days=QUOTE_DAYS)
        return f"{self.public_url}/quote/{self._quote.dumps([quote_id, int(expires.timestamp())])}"

    def read_quote(self, token: str, now: datetime) -> int | None:
        """The quote a token opens, None when it is forged, damaged or expired."""
        return _read(self._quote, token, now)

    def pay(self, repair_id: int, received_at: datetime) -> str:
        """Where a customer pays for a repair, and finds its invoices and receipts."""
        expires = received_at.astimezone(UTC) + timedelta(days=PAY_DAYS)
        return f"{self.public_url}/pay/{self._pay.dumps([repair_id, int(expires.timestamp())])}"

    def read_pay(self, token: str, now: datetime) -> int | None:
        """The repair a token opens, None when it is forged, damaged or expired."""
        return _read(self._pay, token, now)

    def survey(self, repair_id: int, asked_at: datetime) -> str:
        """Where a customer rates a repair."""
        expires = asked_at.astimezone(UTC) + timedelta(days=SURVEY_DAYS)
        token = self._survey.dumps([repair_id, int(expires.timestamp())])
        return f"{self.public_url}/survey/{token}"

    def read_survey(self, token: str, now: datetime) -> int | None:
        """The repair a token opens, None when it is forged, damaged or expired."""
        return _read(self._survey, token, now)

    def preferences(self, customer_id: int, at: datetime) -> str:
        """Where a customer says how they want to be written to; stands at the foot of a message."""
        expires = at.astimezone(UTC) + timedelta(days=PREFERENCES_DAYS)
        token = self._preferences.dumps([customer_id, int(expires.timestamp())])
        return f"{self.public_url}/preferences/{token}"

    def read_preferences(self, token: str, now: datetime) -> int | None:
        """The customer a token opens, None when it is forged, damaged or expired."""
        return _read(self._preferences, token, now)

    def job(self, repair_id: int) -> str:
        """What a label's QR code holds, for as long as the label sticks."""
        return f"{self.public_url}/r/{self._job.dumps(repair_id)}"

    def read_job(self, token: str) -> int | None:
        try:
            return self._job.loads(token)
        except (BadSignature, ValueError, TypeError):
            return None

    def collection_code(self, repair_id: int, ready_at: datetime) -> str:
        """Six digits for whoever collects; another code each time the device becomes ready."""
        return _code(self._keys[0], repair_id, ready_at)

    def collection_codes(self, repair_id: int, ready_at: datetime) -> list[str]:
        """All that are accepted: the customer may have been told one before the keys changed."""
        return [_code(key, repair_id, ready_at) for key in self._keys]

    def is_collection_code(self, repair_id: int, ready_at: datetime, given: str) -> bool:
        codes = self.collection_codes(repair_id, ready_at)
        return any([hmac.compare_digest(code.encode(), given.encode()) for code in codes])


def _code(key: str, repair_id: int, ready_at: datetime) -> str:
    """Worked out, not stored: there is nothing to be read from a copy of the database."""
    message = f"collection:{repair_id}:{ready_at.astimezone(UTC).isoformat()}"
    digest = hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 10**6:06}"


def _read(serializer: URLSafeSerializer, token: str, now: datetime) -> int | None:
    try:
        subject_id, expires = serializer.loads(token)
    except (BadSignature, ValueError, TypeError):
        return None
    return subject_id if now.timestamp() < expires else None


@dataclass(frozen=True)
class Shop:
    """hold: how long a message caused by staff waits and may be taken back."""

    name: str
    timezone: ZoneInfo
    currency: str
    locale: str
    hold: timedelta
    links: Links
