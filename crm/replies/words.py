"""Pure: the words customers have for their devices and for a line of a list, and words that are about
no device at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from crm.catalog.words import split, tokens

DATA = Path(__file__).parent / "data"
MOST_WORDS = 400  # nobody names a device after that
LONGEST_CHOICE = 60
# Beside these a number is a sum, a price, a range or a trick with the direction of writing.
_NO_CHOICE = re.compile(r"[-+/*=<>{}%$£€¹²³\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Spoken:
    """What is said of one device. strong: points at it alone. weak: only beside a strong one."""

    strong: frozenset[str]
    weak: frozenset[str]

    def heard(self, said: Iterable[str]) -> frozenset[str]:
        """Of these words those that name the device; none when no strong one is among them."""
        said = set(said)
        strong = self.strong & said
        return frozenset(strong | (self.weak & said)) if strong else frozenset()


def pointed_at(text: str, devices: Sequence[str]) -> int | None:
    """The place of the only device the words can mean, None when they name none or several.

    A device is meant when all that was heard of every other was heard of it too, and more besides:
    "macbook pro" is the Pro beside an Air, "macbook" is neither.
    """
    said = heard_words(text)
    found = [spoken(device).heard(said) for device in devices]
    for place, best in enumerate(found):
        others = found[:place] + found[place + 1 :]
        if best and all(other < best for other in others):
            return place
    return None


def heard_words(text: str) -> frozenset[str]:
    """The words of a message that may name a device, with those they stand for."""
    plain = tokens(text)[:MOST_WORDS]
    line = f" {' '.join(plain)} "
    for phrase in _data("devices")["not_devices"]:
        line = line.replace(f" {phrase} ", " ")
    words = [part for word in line.split() for part in (word, *split(word))]
    nicknames = _data("devices")["nicknames"]
    return frozenset(words + [meant for word in words for meant in nicknames.get(word, ())])


@cache
def spoken(device: str) -> Spoken:
    """What people may say for this device. device: as the shop wrote it, in any length."""
    told = _data("devices")
    plain = [word for word in tokens(device)[:20] if word not in told["colours"]]
    parts = [part for word in plain for part in split(word)]
    names = set(parts) | {"".join(parts[start:]) for start in range(len(parts))}
    weak = {name for name in names if name.isdigit() or len(name) < 3 or name in told["weak"]}
    strong = names - weak
    for kind in told["kinds"].values():
        if names & set(kind["devices"]):
            # A word such as "tab" is weak in a message, but says of what kind the device is.
            strong |= set(kind["words"])
            break
    return Spoken(frozenset(strong), frozenset(weak))


def chosen_line(text: str, count: int) -> int | None:
    """Which of so many numbered lines is meant, from 1; the last one is for something else."""
    if len(text) > LONGEST_CHOICE or _NO_CHOICE.search(text):
        return None
    left = " ".join(word for word in tokens(text) if word not in _around())
    if left in _data("numbers")["something_else"]:
        return count
    number = _numbers().get(left)
    return number if number is not None and number <= count else None


def is_small_talk(text: str) -> bool:
    """Whether it is a greeting, thanks, a yes or a no: nothing that is about one repair."""
    said = tokens(text)
    if not said:
        return not any(sign.isalpha() for sign in text)
    return len(said) <= 12 and all(word in _small_talk() for word in said)


def status_words(locale: str, status: str) -> str:
    """How a repair stands, in a few words. status: also `something_else`."""
    return _data("statuses")[locale][status]


@cache
def _small_talk() -> frozenset[str]:
    return frozenset(word for words in _data("small_talk").values() for word in words)


@cache
def _around() -> frozenset[str]:
    return frozenset(word for words in _data("numbers")["around"].values() for word in words)


@cache
def _numbers() -> dict[str, int]:
    return {
        said: number
        for number, all_said in _data("numbers")["numbers"].items()
        for said in all_said
    }


@cache
def _data(name: str) -> Any:
    return yaml.safe_load((DATA / f"{name}.yaml").read_text("utf-8"))
