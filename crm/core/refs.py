"""Public references: short, typed by people, with a check sign that finds slips.

Crockford's base 32 signs, read forgivingly (case, blanks, dashes, O for 0, I and L for 1). The
check sign is a weighted sum in GF(32), so every single wrong sign and every swap of neighbours is
found.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from crm.core.uow import UnitOfWork

SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FORGIVEN = str.maketrans({"O": "0", "I": "1", "L": "1"})
_RANDOM_SIGNS = 4


def _times_x(value: int) -> int:
    """Multiply by x in GF(32) with x^5 = x^2 + 1."""
    value <<= 1
    return value ^ 0b100101 if value & 0b100000 else value


def check_sign(body: str) -> str:
    total = 0
    for sign in body:
        total = _times_x(total ^ SIGNS.index(sign))
    return SIGNS[total]


def make(prefix: str, month: datetime) -> str:
    """A fresh reference such as `RPR-2611-7K3QD`: prefix, year and month, random signs, check sign."""
    period = month.strftime("%y%m")
    random = "".join(secrets.choice(SIGNS) for _ in range(_RANDOM_SIGNS))
    return f"{prefix}-{period}-{random}{check_sign(period + random)}"


def free(uow: UnitOfWork, prefix: str, column: InstrumentedAttribute[str]) -> str:
    """A fresh reference that stands in no row of that column yet."""
    while True:
        ref = make(prefix, uow.now)
        if uow.session.scalar(select(column).where(column == ref)) is None:
            return ref


def read(prefix: str, typed: str) -> str | None:
    """The reference meant by what a person typed, or None when it cannot be one."""
    signs = "".join(sign for sign in typed.upper() if sign.isascii() and sign.isalnum())
    signs = signs.removeprefix(prefix).translate(_FORGIVEN)
    if len(signs) != 4 + _RANDOM_SIGNS + 1 or any(sign not in SIGNS for sign in signs):
        return None
    if check_sign(signs[:-1]) != signs[-1]:
        return None
    return f"{prefix}-{signs[:4]}-{signs[4:]}"
