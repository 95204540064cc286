"""Whatever these tests make messages of is what the samples say: so the samples tell the truth."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from crm.notifications import samples, texts

# Only where the code is kept, or somebody else's repairs are shown, is there more to tell.
SOMETIMES = {
    "note_code_hidden": {"ref", "device", "status", "link"},
    "note_customer_texted": {"media"},
}


class Composed(logging.Handler):
    """names: of the messages that were made. lies: of the samples."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.lies: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        path, given = record.args
        name, _, channel = path.partition("/")[2].partition(".")
        self.names.add(name)
        if channel == "subject":
            return
        if name not in samples.names():
            self.lies.append(f"{name} has no sample")
            return
        told, given = set(samples.sample(name, texts.FALLBACK)), set(given)
        if lacking := told - given - SOMETIMES.get(name, set()):
            self.lies.append(f"{name} was not given {sorted(lacking)}")
        # Notes for agents are given all that is at hand.
        if not name.startswith("note_") and (more := given - told):
            self.lies.append(f"the sample of {name} lacks {sorted(more)}")


@pytest.fixture(autouse=True)
def composed() -> Iterator[Composed]:
    log, handler = texts.log, Composed()
    before = log.level, log.disabled
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.disabled = False
    yield handler
    log.removeHandler(handler)
    log.level, log.disabled = before
    assert not handler.lies, "crm/notifications/data/samples.yaml: " + "; ".join(handler.lies)
