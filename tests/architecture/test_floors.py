"""Reads every import and refuses one that goes up a floor, or a cycle between subjects (design.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = {"crm": 1, "jobs": 2, "chatwoot": 3, "bridge": 4}
# Lower tiers first; a subject imports lower tiers only. Equals meet in the last two.
TIERS = (
    {"customers", "staff", "catalog", "faqs", "locations"},
    {
        "inventory",
        "notifications",
        "files",
        "agreements",
        "labels",
        "intake",
        "passcodes",
        "loans",
        "invoices",
        "subscriptions",
        "texting",
        "mailboxes",
        "notices",
    },
    {"quotes"},
    {"tickets", "bookings", "repairs", "payments", "expenses"},
    {
        "followups",
        "portal",
        "assistant",
        "analytics",
        "promises",
        "unclaimed",
        "warranties",
        "disputes",
    },
    {
        "threads",
        "addresses",
        "senders",
        "privacy",
        "price_history",
        "taking_in",
        "signing",
        "lending",
        "financials",
        "dues",
        "deposits",
    },
    {"replies"},
    {"writing", "incoming", "outgoing", "billing", "evidence", "weekly", "routing", "noticing"},
    {"assents", "ticket_mails"},
    {"reactions", "duties"},
)


def height(module: str) -> tuple[int, int]:
    """(floor, tier) of a dotted module; everything of one floor but the crm's is one tier."""
    parts = module.split(".")
    if parts[0] != "crm":
        return FLOORS[parts[0]], 0
    if len(parts) == 1 or parts[1] == "core":
        return 0, 0
    for number, subjects in enumerate(TIERS, start=1):
        if parts[1] in subjects:
            return 1, number
    raise AssertionError(f"{module} stands in no tier: add its subject to TIERS")


def may_import(importer: str, imported: str) -> bool:
    if importer.split(".")[:2] == imported.split(".")[:2]:
        return True
    ours, theirs = height(importer), height(imported)
    if ours[0] == 1 and theirs[0] == 1:
        return theirs[1] < ours[1]
    return theirs[0] <= ours[0]


def imports() -> list[tuple[str, str]]:
    found = []
    for folder in FLOORS:
        for path in (ROOT / folder).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            if name.startswith("chatwoot.sandbox"):
                continue  # a stand-in for another program, see test_sandbox_stands_alone
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found += [(name, alias.name) for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    module = node.module or ""
                    deeper = [f"{module}.{alias.name}" for alias in node.names]
                    found += [(name, one if _is_module(one) else module) for one in deeper]
    return [pair for pair in found if pair[1].split(".")[0] in FLOORS]


def _is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def test_no_import_goes_up():
    up = [f"{a} imports {b}" for a, b in imports() if not may_import(a, b)]
    assert not up, "\n".join(sorted(set(up)))


def test_sandbox_stands_alone():
    """The sandbox plays another program: what it shares with ours would hide our mistakes."""
    for path in (ROOT / "chatwoot" / "sandbox").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            )
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            ours = [n for n in names if n.split(".")[0] in FLOORS and "sandbox" not in n]
            assert not ours, f"{path.name} imports {ours}"


@pytest.mark.parametrize(
    ("importer", "imported", "fine"),
    [
        ("crm.core.inbox", "crm.tickets.service", False),
        ("crm.tickets.service", "crm.repairs.models", False),
        ("crm.repairs.service", "crm.customers.rules", True),
        ("jobs.relay", "chatwoot.client", False),
        ("chatwoot.inbound", "bridge.auth", False),
        ("bridge.webhooks", "crm.core.inbox", True),
        ("crm.reactions", "crm.tickets.models", True),
    ],
)
def test_the_rule_itself(importer: str, imported: str, fine: bool):
    assert may_import(importer, imported) is fine
