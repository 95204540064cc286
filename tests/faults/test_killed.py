"""kill -9 at any step of both ways; afterwards everything is there, and once.

FAULT_SEEDS=100 plays more seeds; FAULT_SEED=17 plays just one.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.faults import counting
from tests.faults.harness import Service

SEEDS = int(os.environ.get("FAULT_SEEDS", "40"))
TOGETHER = 10
ONE = os.environ.get("FAULT_SEED")
# Seeds that once found a fault.
KNOWN_SEEDS: list[int] = []
# How many steps a role takes in a seed's time, so that each of them is hit by some seed.
STEPS = {"web": 30, "worker": 120, "scheduler": 30}
FUSE_SECONDS = 1.2


def groups() -> list[list[int]]:
    if ONE:
        return [[int(ONE)]]
    seeds = list(range(SEEDS))
    return [g for g in [KNOWN_SEEDS] if g] + [
        seeds[at : at + TOGETHER] for at in range(0, SEEDS, TOGETHER)
    ]


@pytest.mark.parametrize("seeds", groups(), ids=lambda g: f"{g[0]}-{g[-1]}")
def test_killed_at_any_step(service: Service, seeds: list[int]) -> None:
    blown = sum(play(service, seed) for seed in seeds)
    service.heal()
    service.wait_ready()
    counting.delivered(service)
    service.reconcile()  # the sandbox posts account events once only, as Chatwoot does
    counting.rest(service)
    service.reconcile()
    counting.rest(service)
    wrong = counting.violations(service)
    assert not wrong, (
        "\n".join(wrong)
        + f"\nrepeat: FAULT_SEED=<seed> pytest tests/faults/test_killed.py ({seeds})"
    )
    assert blown >= len(seeds) * 0.7, f"only {blown} of {len(seeds)} fuses blew"


def play(service: Service, seed: int) -> bool:
    """A customer and a shop system at work while one process dies. Whether it did die."""
    dice = random.Random(seed)
    role = dice.choices(list(STEPS), weights=(3, 6, 2))[0]
    service.arm(role, dice.randint(1, STEPS[role]))
    name, external_id = f"seed {seed}", f"JOB-{seed}-{os.getpid()}-{time.monotonic_ns()}"
    contact, number = service.writes(name, "My screen is broken")
    service.post_event("repair.created", {
        "external_id": external_id, "device": "Phone", "problem": "screen",
        "conversation_id": number, "version": 1,
    })  # fmt: skip
    told = [("diagnosing", 2), ("repairing", 3), ("ready_pickup", 4)]
    if dice.random() < 0.3:
        dice.shuffle(told)
    for status, version in told:
        news = {"external_id": external_id, "status": status, "version": version}
        service.post_event("repair.status_changed", news)
    service.writes_again(contact, "Is it done?")
    service.play("POST", f"/agents/{service.agent}/messages",
                 {"conversation_id": number, "private": True, "content": "!help"})  # fmt: skip
    if dice.random() < 0.5:
        service.play("POST", f"/conversations/{number}/status", {"status": "resolved"})
    deadline = time.monotonic() + FUSE_SECONDS
    while (service.fuses / role).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    blown = service.disarm(role)
    if blown and role != "web":  # gunicorn starts its own workers again
        service.processes[role].wait(5)
        service.heal()
    return blown
