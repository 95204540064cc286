"""The verbs stand where they are looked for, and no process loads what only others need."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import cli

ROOT = Path(__file__).parents[3]


def _verbs(words: list[str]) -> list[str]:
    parser = cli._parser(words)
    (verbs,) = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return list(verbs.choices)


def test_every_room_holds_the_verbs_it_is_listed_with():
    assert _verbs([]) == [verb for verbs in cli.ROOMS.values() for verb in verbs]
    for verbs in cli.ROOMS.values():
        assert [_verbs([verb]) for verb in verbs] == [list(verbs)] * len(verbs)


def test_an_unknown_verb_is_told_all_of_them(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["sing"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert all(verb in told for verbs in cli.ROOMS.values() for verb in verbs)


@pytest.mark.parametrize(
    ("loading", "unwanted"),
    [
        ("bridge.cli.up", "app flask crm.core.db"),
        ("bridge.cli.servers", "app flask crm.core.db redis"),
        (
            "bridge.cli.processes",
            "flask icalendar css_inline alembic PIL reportlab boto3 crm.weekly",
        ),
        ("app, bridge.web", "icalendar css_inline alembic PIL reportlab boto3 crm.duties"),
    ],
)
def test_a_process_stays_without_what_only_others_need(loading, unwanted):
    """Memory and time to start: see docs/figures.md."""
    script = f"import sys, {loading}; print(*sorted(set({unwanted.split()!r}) & set(sys.modules)))"
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == ""
