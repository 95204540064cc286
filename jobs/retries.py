"""The retry ladder (reliability.md, rule 16)."""

from __future__ import annotations

import random
from dataclasses import dataclass

LONGEST_WAIT = 24 * 3600.0
JITTER = 0.2


@dataclass(frozen=True)
class Ladder:
    """rungs: seconds to wait after the first, second, ... failure."""

    rungs: tuple[float, ...] = (5, 30, 120, 600, 1800, 7200, 18000, 36000, 86400)

    def wait(self, failures: int, *, asked: float | None = None) -> float | None:
        """Seconds until the next try, or None when the last rung was used.

        failures: how many tries have failed, from 1. asked: the other side's Retry-After; a longer
        one wins, capped at 24 h.
        """
        if failures > len(self.rungs):
            return None
        wait = self.rungs[failures - 1] * random.uniform(1 - JITTER, 1 + JITTER)
        return min(max(wait, asked or 0), LONGEST_WAIT)
