"""What every message says with its sample, kept to be read and compared.

After a wanted change: `RENEW_SNAPSHOTS=1 python -m pytest tests/unit/crm/notifications/test_snapshots.py`,
then read the difference before it is kept.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crm.notifications import texts
from crm.notifications.proofreading import SUBJECT_VALUES
from crm.notifications.samples import sample

KEPT = Path(__file__).parent / "snapshots"
FILES = sorted(
    str(path.relative_to(texts.TEMPLATES)) for path in texts.TEMPLATES.glob("*/[a-z]*.*")
)


def said(file: str) -> str:
    locale, _, rest = file.partition("/")
    name, _, channel = rest.partition(".")
    values = sample(name, locale)
    if channel == "subject":
        ref = values.get("ref") or values.get("repair") or ""
        values = {"shop": values["shop"], "ref": ref}
        assert set(values) == SUBJECT_VALUES
    return texts.render(locale, name, channel, values) + "\n"


@pytest.mark.parametrize("file", FILES)
def test_it_says_what_it_said(file: str):
    kept = KEPT / f"{file}.txt"
    if os.environ.get("RENEW_SNAPSHOTS"):
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(said(file), "utf-8")
    assert kept.exists(), f"no snapshot of {file}; see the head of this file"
    assert said(file) == kept.read_text("utf-8")


def test_no_snapshot_is_left_of_a_message_that_is_gone():
    kept = {str(path.relative_to(KEPT)).removesuffix(".txt") for path in KEPT.glob("*/*.txt")}
    assert kept <= set(FILES)
