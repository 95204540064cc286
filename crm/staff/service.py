"""Commands on staff and API keys; each one is audited. Signing in is in `sessions.py`."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from crm.core import audit
from crm.core.errors import Conflict, Invalid, NotFound, Unauthenticated
from crm.core.events import Actor
from crm.core.refs import SIGNS
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal
from crm.staff import roles, tokens
from crm.staff.models import ApiKey, Staff, StaffSession

SECRET_OVERLAP = timedelta(hours=24)
_KEY_ID_SIGNS = 12
_USE_NOTED_EVERY = timedelta(minutes=1)
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}\.[^@\s.\x00-\x1f]{2,63}")


@dataclass(frozen=True)
class NewKey:
    """What the creator of a key sees once.

    webhook_path: where this shop system posts; it and the secret are None for other roles.
    """

    id: str
    name: str
    role: str
    key: str = field(repr=False)
    webhook_path: str | None
    webhook_secret: str | None = field(repr=False)


def create_staff(uow: UnitOfWork, actor: Actor, *, email: str, name: str, role: str) -> Staff:
    """Raises Invalid (role or e-mail), Conflict (`email-taken`)."""
    _check_role(role, roles.STAFF_ROLES)
    email = email.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise Invalid("not an e-mail address", errors={"email": ["Not a valid e-mail address."]})
    if uow.session.scalar(select(Staff.id).where(Staff.email == email)):
        raise Conflict("somebody with this e-mail address exists", code="email-taken")
    person = Staff(email=email, name=name.strip(), role=role, is_active=True, created_at=uow.now)
    uow.session.add(person)
    uow.session.flush()
    audit.write(uow, actor, "staff.create", f"staff/{person.id}", {"role": role})
    return person


def list_staff(uow: UnitOfWork) -> list[Staff]:
    """Everybody, newest first."""
    return list(uow.session.scalars(select(Staff).order_by(Staff.id.desc())))


def list_keys(uow: UnitOfWork) -> list[ApiKey]:
    """All keys, newest first, revoked ones too."""
    return list(uow.session.scalars(select(ApiKey).order_by(ApiKey.created_at.desc(), ApiKey.id)))


def staff_by_email(uow: UnitOfWork, email: str) -> Staff:
    """Raises NotFound."""
    person = uow.session.scalar(select(Staff).where(Staff.email == email.strip().lower()))
    if person is None:
        raise NotFound("nobody here has this e-mail address")
    return person


def staff_by_id(uow: UnitOfWork, staff_id: int) -> Staff:
    """Raises NotFound."""
    person = uow.session.get(Staff, staff_id)
    if person is None:
        raise NotFound("no such person")
    return person


def disable_staff(uow: UnitOfWork, actor: Actor, staff_id: int) -> Staff:
    """Ends the person's sessions at once. A second call changes nothing.

    Raises NotFound, Conflict (`last-admin`).
    """
    admins = uow.session.scalars(
        select(Staff).where(Staff.role == roles.ADMIN, Staff.is_active).with_for_update()
    ).all()
    person = staff_by_id(uow, staff_id)
    if not person.is_active:
        return person
    if admins == [person]:
        raise Conflict("this is the last active admin", code="last-admin")
    person.is_active = False
    uow.session.execute(
        update(StaffSession).where(StaffSession.staff_id == staff_id).values(expires_at=uow.now)
    )
    audit.write(uow, actor, "staff.disable", f"staff/{staff_id}")
    return person


def create_key(
    uow: UnitOfWork,
    seal: Seal,
    actor: Actor,
    *,
    name: str,
    role: str,
    expires_at: datetime | None = None,
) -> NewKey:
    """Raises Invalid (unknown role, or an expiry that has passed)."""
    _check_role(role, roles.ROLES)
    if expires_at and expires_at <= uow.now:
        raise Invalid("the expiry has passed", errors={"expires_at": ["Must be in the future."]})
    key_id = "key_" + "".join(secrets.choice(SIGNS.lower()) for _ in range(_KEY_ID_SIGNS))
    token, token_hash = tokens.make("mnd_")
    secret = tokens.webhook_secret()
    uow.session.add(
        ApiKey(
            id=key_id,
            name=name.strip(),
            role=role,
            token_hash=token_hash,
            webhook_secret=seal.close(secret),
            expires_at=expires_at,
            created_at=uow.now,
        )
    )
    audit.write(uow, actor, "key.create", f"key/{key_id}", {"name": name.strip(), "role": role})
    if role != roles.SHOP:
        return NewKey(key_id, name.strip(), role, token, None, None)
    return NewKey(key_id, name.strip(), role, token, f"/webhooks/shops/{key_id}", secret)


def revoke_key(uow: UnitOfWork, actor: Actor, key_id: str) -> ApiKey:
    """From the commit on neither the key nor its webhook secrets are good. Raises NotFound."""
    key = _key_for_update(uow, key_id)
    if key.revoked_at is None:
        key.revoked_at = uow.now
        audit.write(uow, actor, "key.revoke", f"key/{key_id}")
    return key


def rotate_secret(
    uow: UnitOfWork, seal: Seal, actor: Actor, key_id: str, *, overlap: timedelta = SECRET_OVERLAP
) -> str:
    """A new webhook secret; the present one stays good for `overlap`, an older one ends.

    Raises NotFound, Conflict (`key-revoked`).
    """
    key = _key_for_update(uow, key_id)
    if key.revoked_at:
        raise Conflict("this key was revoked", code="key-revoked")
    secret = tokens.webhook_secret()
    key.previous_secret, key.previous_until = key.webhook_secret, uow.now + overlap
    key.webhook_secret = seal.close(secret)
    audit.write(
        uow, actor, "key.rotate", f"key/{key_id}", {"overlap_seconds": overlap.total_seconds()}
    )
    return secret


def authenticate_key(uow: UnitOfWork, token: str) -> ApiKey:
    """The key a Bearer token belongs to. Raises Unauthenticated."""
    key = uow.session.scalar(select(ApiKey).where(ApiKey.token_hash == tokens.digest(token)))
    if key is None or not _is_good(key, uow.now):
        raise Unauthenticated("the key is unknown, revoked or expired")
    if key.last_used_at is None or uow.now - key.last_used_at > _USE_NOTED_EVERY:
        # Another request may be noting the same minute: its word is as good as ours.
        uow.session.execute(
            update(ApiKey)
            .where(
                ApiKey.id == key.id,
                or_(
                    ApiKey.last_used_at.is_(None), ApiKey.last_used_at < uow.now - _USE_NOTED_EVERY
                ),
            )
            .values(last_used_at=uow.now)
            .execution_options(synchronize_session=False)
        )
    return key


def webhook_secrets(uow: UnitOfWork, seal: Seal, key_id: str) -> list[str]:
    """The `whsec_…` secrets valid now, newest first.

    Empty for an unknown or revoked key, and for one whose role is not `shop`: a key that may only
    read must not report repairs.
    """
    key = uow.session.get(ApiKey, key_id)
    if key is None or key.role != roles.SHOP or not _is_good(key, uow.now):
        return []
    sealed = [key.webhook_secret]
    if key.previous_secret and key.previous_until and key.previous_until > uow.now:
        sealed.append(key.previous_secret)
    return [seal.open(one) for one in sealed]


def _is_good(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def _key_for_update(uow: UnitOfWork, key_id: str) -> ApiKey:
    key = uow.session.get(ApiKey, key_id, with_for_update=True)
    if key is None:
        raise NotFound("no such key")
    return key


def _check_role(role: str, allowed: tuple[str, ...]) -> None:
    if role not in allowed:
        raise Invalid("unknown role", errors={"role": [f"Must be one of: {', '.join(allowed)}."]})
