"""What the rules know of the shop they work for, given to them by `app.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from itsdangerous import BadSignature, URLSafeSerializer

TRACK_DAYS = 365
BOOKING_DAYS = 180


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
