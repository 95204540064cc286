"""Thousands of follow-ups due at once: handed on once each, whoever dies or helps meanwhile."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crm.followups.round import HANDED_ON_AT_ONCE

ROOT = Path(__file__).parents[3]
COUNT = 2 * HANDED_ON_AT_ONCE + 7
FILL = """
    WITH people AS (
        INSERT INTO customers (ref, created_at, updated_at)
        SELECT 'CUS-V-' || n, now(), now() FROM generate_series(1, :count) n RETURNING id)
    INSERT INTO follow_ups (customer_id, kind, state, words, due_at, created_by, created_at)
    SELECT id, 'custom', 'pending', 'Hello', now() - interval '1 hour', 'test', now() FROM people"""
# The round in a process of its own, which is killed at its third commit: after one page.
VICTIM = """
import os, signal, sys
from dataclasses import replace
from sqlalchemy import Engine, event
import app
from crm.followups.round import Round
from tests.integration.followups.conftest import zone_at
commits = []
def step(connection):
    commits.append(1)
    if len(commits) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(Engine, "commit", step)
parts = app.compose(app.load_settings(), sys.argv[1], None)
Round(parts.units, replace(parts.shop, timezone=zone_at(12))).run()
"""


def test_killed_in_the_middle_and_caught_up_by_two(after, database_url, tmp_path):
    after.write(FILL, count=COUNT)
    argv = [sys.executable, "-c", VICTIM, database_url]
    ended = subprocess.run(
        argv,
        cwd=ROOT,
        env={"STATE_DIR": str(tmp_path), "PATH": ""},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -9, ended.stderr.decode()
    assert len(after.handed_on()) == HANDED_ON_AT_ONCE
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(lambda _: after.hand_on(), range(2))) == COUNT - HANDED_ON_AT_ONCE
    assert len(set(after.handed_on("subject"))) == len(after.handed_on()) == COUNT
    assert after.hand_on() == 0


def test_words_of_staff_go_before_the_mass(delivered):
    after = delivered
    after.write(FILL, count=1)
    after.due()
    after.hand_on()
    assert sorted(after.handed_on("is_bulk")) == [False, True]
    after.compose()
    bulk = "SELECT is_bulk FROM outbox WHERE kind = 'chatwoot.message' ORDER BY id DESC LIMIT 1"
    assert after.service.one(bulk) is True
