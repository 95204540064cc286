"""Example webhook bodies: our own in `bodies/`, and the contract's, if it lies beside us.

`<generation>/[agent_bot.]<event>.<variant>.json`; the prefix marks what goes to a bot's address.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatwoot.verify import BOT_SOURCE, SOURCE

OWN = Path(__file__).parent / "bodies"
CONTRACT = Path(__file__).parents[4] / "shared" / "chatwoot" / "fixtures"
GENERATIONS = ("v3.9", "v4.14")
BOT_PREFIX = "agent_bot."


@dataclass(frozen=True)
class Example:
    """source, event: what picks the handler. raw: the body as Chatwoot sends it, compact."""

    name: str
    generation: str
    source: str
    event: str
    body: dict[str, Any]

    @property
    def raw(self) -> bytes:
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()

    def __str__(self) -> str:
        return f"{self.generation}/{self.name}"


def examples(folder: Path) -> list[Example]:
    """All bodies below a folder; empty if it does not exist."""
    found = []
    for generation in GENERATIONS:
        for path in sorted((folder / generation).glob("*.json")):
            if path.stem == "headers":
                continue
            body = json.loads(path.read_text("utf-8"))
            source = BOT_SOURCE if path.stem.startswith(BOT_PREFIX) else SOURCE
            found.append(Example(path.stem, generation, source, body["event"], body))
    return found
