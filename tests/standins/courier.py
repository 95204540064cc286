"""What a stand-in's webhooks have in common: they wait, are posted, and may arrive badly."""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

import requests

T = TypeVar("T")


class Courier(ABC, Generic[T]):
    """What becomes of things waits until `deliver` posts it; `post_alone` does so in the background.

    dice: decides what is doubled, shuffled and dropped. What is not taken (no 2xx) stays and is
    posted again.
    """

    def __init__(self) -> None:
        self.waiting: list[T] = []
        self.dice = random.Random(0)
        self._lock = threading.RLock()
        self._stop: threading.Event | None = None
        self._on_their_way = False
        self.behave()

    @abstractmethod
    def carry(self, one: T) -> int:
        """Post one now. Returns the status of the answer, 0 for none."""

    def behave(self) -> None:
        """Each once, in order."""
        self.doubles = self.drops = 0.0
        self.shuffles = False

    @property
    def is_busy(self) -> bool:
        return bool(self.waiting) or self._on_their_way

    def keep(self, one: T) -> bool:
        """Whether it will be posted; else it was dropped."""
        with self._lock:
            if self.dice.random() < self.drops:
                return False
            self.waiting += [one] * (2 if self.dice.random() < self.doubles else 1)
            return True

    def deliver(self, most: int | None = None) -> list[int]:
        """Post what waits. Returns the answers; what was refused waits again."""
        with self._lock:
            if self.shuffles:
                self.dice.shuffle(self.waiting)
            self._on_their_way = True
            now, self.waiting = self.waiting[:most], self.waiting[most:] if most else []
        answers = [self.carry(one) for one in now]
        with self._lock:
            self.waiting += [
                one for one, answer in zip(now, answers, strict=True) if not 200 <= answer < 300
            ]
            self._on_their_way = False
        return answers

    def post_alone(self, every_seconds: float = 0.05) -> None:
        self._stop = threading.Event()

        def work(stop: threading.Event) -> None:
            while not stop.wait(every_seconds):
                if self.waiting:
                    self.deliver()

        threading.Thread(target=work, args=(self._stop,), daemon=True).start()

    def close(self) -> None:
        if self._stop is not None:
            self._stop.set()


def post(url: str, data: Any, headers: dict[str, str]) -> int:
    """The status of the answer, 0 for none."""
    try:
        return requests.post(url, data=data, headers=headers, timeout=10).status_code
    except requests.RequestException:
        return 0
