"""JSON from outside, read strictly; what a body must contain is left to schemas."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from crm.core.errors import BrokenBody


def parse(raw: bytes | str) -> Any:
    """Raises BrokenBody for anything that is not JSON, is not UTF-8 or nests too deep.

    Python would also read NaN and Infinity, which are not JSON, and take 1e999 for one of them; no
    column holds them.
    """
    try:
        return json.loads(raw, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BrokenBody("the body is not valid JSON") from error


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(number)
    return value
