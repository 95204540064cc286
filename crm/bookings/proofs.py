"""Proof that a guest can be reached: a 6-digit code to the e-mail address or phone they gave.

Sending it is left to the notification channels; only a sealed text holds the code until then.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import func, select

from crm.bookings.models import Booking, BookingProof
from crm.core.errors import Conflict, TooMany
from crm.core.events import SYSTEM
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal
from crm.mailboxes import service as mailboxes
from crm.notifications import service as notifications
from crm.notifications import texts

EMAIL, PHONE = "email", "phone"
CODE_MINUTES = 10
MOST_TRIES = 5
MOST_CODES_AN_HOUR = 5
_TEMPLATE = "verification_code"
_MASKED = "••••••"


def channel_for(booking: Booking, channels: Collection[str] = (EMAIL, PHONE)) -> str | None:
    """Where a code can go. channels: those that deliver; None when no address is of one of them."""
    if booking.email and EMAIL in channels:
        return EMAIL
    return PHONE if booking.phone and PHONE in channels else None


def send_code(
    uow: UnitOfWork,
    seal: Seal,
    shop: Shop,
    booking: Booking,
    channels: Collection[str] = (EMAIL, PHONE),
) -> BookingProof:
    """Make a new code; earlier ones of this booking no longer count.

    Raises TooMany after five codes to one address within an hour, Conflict (`no-address`).
    """
    channel = channel_for(booking, channels)
    if channel is None:
        raise Conflict("no code can be sent to this address", code="no-address")
    address = (booking.email or "").strip().lower() if channel == EMAIL else booking.phone or ""
    _check_rate(uow, address)
    code, salt = f"{secrets.randbelow(10**6):06}", secrets.token_bytes(16)
    proof = BookingProof(
        booking_id=booking.id,
        channel=channel,
        address=address,
        code_hash=_hash(code, salt),
        salt=salt,
        tries=0,
        expires_at=uow.now + timedelta(minutes=CODE_MINUTES),
        created_at=uow.now,
    )
    uow.session.add(proof)
    uow.session.flush()
    locale = texts.closest(booking.locale, shop.locale)

    def words(shown: str) -> str:
        values = {"code": shown, "minutes": CODE_MINUTES, "shop": shop.name}
        return texts.render(locale, _TEMPLATE, "sms", values)

    notifications.compose(
        uow,
        f"booking:{booking.id}:code:{proof.id}",
        _TEMPLATE,
        words(_MASKED),
        locale=locale,
        customer_id=None,
        repair_id=None,
        hold=timedelta(),
        actor=SYSTEM,
        deadline_at=proof.expires_at,
        sealed_body=seal.close({"to": {channel: address}, "text": words(code), "code": code}),
    )
    return proof


def try_code(uow: UnitOfWork, booking: Booking, code: str) -> BookingProof | None:
    """The proof this code gives; None when it is wrong, which is counted and must be committed.

    Raises Conflict (`code-expired`, `code-used-up`): then only a new code helps.
    """
    proof = uow.session.scalar(
        select(BookingProof)
        .where(BookingProof.booking_id == booking.id)
        .order_by(BookingProof.id.desc())
        .limit(1)
        .with_for_update()
    )
    if proof is None or proof.used_at is not None or proof.expires_at <= uow.now:
        raise Conflict("this code is no longer good; ask for a new one", code="code-expired")
    if proof.tries >= MOST_TRIES:
        raise Conflict("too many wrong codes; ask for a new one", code="code-used-up")
    if not hmac.compare_digest(proof.code_hash, _hash(code.strip(), proof.salt)):
        proof.tries += 1
        return None
    proof.used_at = uow.now
    if proof.channel == EMAIL:
        mailboxes.heard(uow, proof.address, "they proved it by a code")
    return proof


def _check_rate(uow: UnitOfWork, address: str) -> None:
    sent = uow.session.scalar(
        select(func.count())
        .select_from(BookingProof)
        .where(
            BookingProof.address == address,
            BookingProof.created_at > uow.now - timedelta(hours=1),
        )
    )
    if sent >= MOST_CODES_AN_HOUR:
        raise TooMany("too many codes were sent to this address", after=3600)


def _hash(code: str, salt: bytes) -> bytes:
    # A million codes are soon tried with a plain hash; this one takes longer than a code is good.
    return hashlib.scrypt(code.encode(), salt=salt, n=2**12, r=8, p=1)
