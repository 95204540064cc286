"""What `doctor` says about one thing: the shape every integration reports its checks in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """name: dotted, the integration first. state: off means "not set up, on purpose".

    detail: what was found. todo: what to do about it, empty when there is nothing to do. Neither
    holds a secret.
    """

    name: str
    state: Literal["ok", "warn", "fail", "off"]
    detail: str
    todo: str = ""
