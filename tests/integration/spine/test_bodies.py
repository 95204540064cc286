"""Every example body, ours and the contract's, goes through the whole way in without a fault."""

from __future__ import annotations

import pytest

from chatwoot.verify import BOT_SOURCE
from tests import builders
from tests.contract.chatwoot.examples import CONTRACT, GENERATIONS, OWN, examples


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("folder", [OWN, CONTRACT], ids=["own", "contract"])
def test_all_bodies_of_a_generation(mendline, folder, generation):
    bodies = [example for example in examples(folder) if example.generation == generation]
    if not bodies:
        pytest.skip("the contract's fixtures are not here")
    for example in bodies:
        is_bot = example.source == BOT_SOURCE
        secret, path = (builders.BOT_SECRET, "/bot") if is_bot else (builders.WEBHOOK_SECRET, "")
        for _ in range(2):
            headers = builders.signed(example.raw, secret)
            answer = mendline.post(example.raw, headers, f"/webhooks/chatwoot{path}")
            assert answer.status_code in (200, 202), example
    mendline.take_in()
    assert mendline.count("inbox", "state NOT IN ('done', 'ignored')") == 0
    assert mendline.count("tickets") == mendline.count("conversations") == 3
    assert mendline.count("ticket_messages", "private AND author_kind <> 'agent'") == 0
    assert mendline.one("SELECT max(rating) FROM tickets") in (4, 5)
    assert mendline.owed("handoff") == 1
