"""A slip in a template is found before a customer could get it, and named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from crm.notifications import texts
from crm.notifications.proofreading import faults


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(texts.TEMPLATES, tmp_path / "templates"))


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def test_the_templates_are_without_fault():
    assert faults() == []


def test_a_slip_in_a_name_tells_file_and_variable(folder: Path):
    change(folder / "pt" / "repair_received.chat", "{{ link }}", "{{ lnk }}")
    assert "pt/repair_received.chat asks for lnk, which nobody gives" in faults(folder)


def test_a_slip_in_a_part_is_found_in_all_that_use_it(folder: Path):
    change(folder / "en" / "_note.sms", "{{ note", "{{ nots")
    found = [line for line in faults(folder) if "asks for nots" in line]
    assert len(found) == 8 and "en/repair_testing.sms asks for nots, which nobody gives" in found


def test_a_slip_within_a_value_is_found(folder: Path):
    change(folder / "en" / "quote_which.chat", "quote.total", "quote.sum")
    assert any("en/quote_which.chat" in line and "sum" in line for line in faults(folder))


def test_a_subject_asks_for_shop_and_reference_only(folder: Path):
    (folder / "en" / "survey.subject").write_text("How was {{ device }}?")
    assert "en/survey.subject asks for device, which nobody gives" in faults(folder)


def test_what_one_language_tells_the_other_tells_too(folder: Path):
    (folder / "pt" / "invoice.sms").write_text("{{ shop }}: {{ number }} {{ link }}")
    found = faults(folder)
    assert "pt/invoice.sms leaves out amount, which another language tells" in found


@pytest.mark.parametrize("file", ["refund.sms", "refund.chat", "refund.subject", "note_entry.chat"])
def test_a_missing_file_is_found(folder: Path, file: str):
    (folder / "pt" / file).unlink()
    assert f"pt/{file} is missing" in faults(folder)


def test_a_message_without_subject_is_found(folder: Path):
    for locale in ("en", "pt"):
        (folder / locale / "refund.subject").unlink()
    assert "refund.chat has no refund.subject" in faults(folder)


def test_broken_signs_are_found(folder: Path):
    change(folder / "en" / "refund.chat", "{% endif %}", "{% endfi %}")
    (folder / "pt" / "survey.chat").write_text('{% include "pt/_gone.chat" %}')
    found = faults(folder)
    assert any(line.startswith("en/refund.chat, line 1:") for line in found)
    assert "pt/survey.chat includes pt/_gone.chat, which is missing" in found


def test_a_message_nobody_knows_is_found(folder: Path):
    (folder / "en" / "riddle.chat").write_text("{{ answer }}")
    found = faults(folder)
    assert "pt/riddle.chat is missing" in found
    assert any(line.startswith("riddle.chat has no sample") for line in found)
