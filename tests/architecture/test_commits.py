"""Only `crm/core/uow.py` commits, and the shop's rules never use the network."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMITTER = "crm/core/uow.py"
FOLDERS = ("crm", "jobs", "chatwoot", "bridge")
ENDING_WORDS = {"commit", "rollback", "begin"}
NETWORK_FREE = ("crm",)
NETWORK = {"requests", "urllib", "http", "smtplib", "socket", "twilio", "stripe", "openai"}


def _sources(*folders: str):
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith("chatwoot/sandbox/"):
                yield name, ast.parse(path.read_text())


def test_one_module_commits():
    calls = [
        f"{name}:{node.lineno}"
        for name, tree in _sources(*FOLDERS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ENDING_WORDS
    ]
    assert {call.split(":")[0] for call in calls} == {COMMITTER}, calls


def test_the_rules_have_no_network():
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _sources(*NETWORK_FREE)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
        if module.split(".")[0] in NETWORK and module != "urllib.parse"
    ]
    assert not found
