"""What customers and agents read about agreements, in every language."""

from __future__ import annotations

import pytest

from crm.notifications.texts import LOCALES, render

REPAIR = {"ref": "RPR-2611-7K3QD", "device": "Pixel 8", "link": "https://shop.example/x"}
ENTRY = {**REPAIR, "actor": "Ilse", "actor_kind": "customer", "reason": None, "note": None,
         "internal_note": None, "hold_seconds": 0}  # fmt: skip


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("purpose", ["drop_off", "collection"])
def test_the_link_is_sent_with_what_it_is_for(locale, purpose):
    said = render(locale, "sign_request", "chat", {**REPAIR, "purpose": purpose, "hours": 72})
    assert all(word in said for word in ("Pixel 8", REPAIR["ref"], REPAIR["link"], "72"))


@pytest.mark.parametrize("locale", LOCALES)
def test_the_code_is_told_only_where_there_is_one(locale):
    values = {**REPAIR, "shop": "Quay Phones", "note": None, "ready_on": None}
    values |= {"balance": None, "pay_link": None, "address": None, "hours": None}
    with_code, without = (
        render(locale, "repair_ready_pickup", "chat", {**values, "collection_code": code})
        for code in ("004821", None)
    )
    assert "004821" in with_code and "004821" not in without
    assert len(without.splitlines()) == 3


@pytest.mark.parametrize(
    ("locale", "outcome", "details", "words"),
    [
        ("en", "signed", {"purpose": "drop_off", "version": 3, "locale": "pt"},
         "drop-off terms signed (version 3, pt), by Ilse (customer)"),
        ("pt", "signed", {"purpose": "drop_off", "version": 3, "locale": "en"},
         "condições de entrega: assinado (versão 3, en), por Ilse"),
        ("en", "signed", {"purpose": "collection", "version": 1, "locale": "en"},
         "collection receipt signed"),
        ("pt", "signed", {"purpose": "collection", "version": 1, "locale": "en"},
         "recibo de levantamento: assinado"),
        ("en", "collection_proof", {"kind": "code"}, "proven with the code"),
        ("pt", "collection_proof", {"kind": "code"}, "confirmado com o código"),
        ("en", "collection_proof", {"kind": "seen"}, "proven without the code"),
        ("pt", "collection_proof", {"kind": "seen"}, "confirmado sem o código"),
    ],
)  # fmt: skip
def test_notes_say_what_was_signed_or_proven(locale, outcome, details, words):
    entry = {**ENTRY, "outcome": outcome, "details": details}
    assert words in render(locale, "note_entry", "chat", entry)
