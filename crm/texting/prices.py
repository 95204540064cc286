"""What a message will cost the shop, from `data/prices.yaml`. What was billed is Twilio's to say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data" / "prices.yaml"
MILLIONTHS_OF_MINOR = 10_000  # every currency of the table has hundredths


@dataclass(frozen=True)
class Cost:
    """minor: rounded up, so that a sum is never less than what is billed. segments: None for WhatsApp."""

    segments: int | None
    minor: int
    currency: str


@cache
def _table() -> dict[str, Any]:
    return yaml.safe_load(DATA.read_text("utf-8"))


def of_sms(number: str, segments: int) -> Cost:
    """number: E.164."""
    told = _table()["sms"]
    fits = [prefix for prefix in told["prefixes"] if number.startswith(prefix)]
    each = told["prefixes"][max(fits, key=len)] if fits else told["default"]
    return Cost(segments, _minor(segments * each), _table()["currency"])


def of_whatsapp(*, is_template: bool) -> Cost:
    each = _table()["whatsapp"]["template" if is_template else "inside"]
    return Cost(None, _minor(each), _table()["currency"])


def _minor(millionths: int) -> int:
    return -(-millionths // MILLIONTHS_OF_MINOR)
