"""The letters as they are printed: whole names, one page, room for an address that is not known."""

from __future__ import annotations

from datetime import date

import pypdfium2
import pytest

from crm.unclaimed.law import law
from crm.unclaimed.letters import Draft
from crm.unclaimed.paper import render
from crm.unclaimed.parties import Parties

GB = law("GB")
SHOP = "The Old Harbour Consumer Electronics Repair and Refurbishment Company of Porthaven Limited"


def printed(kind, recipient: tuple[str, ...], owed: int | None = 12950, sender=(SHOP, "1 Quay")):
    draft = Draft(kind, date(2026, 11, 21), date(2026, 11, 2), owed, "GBP", date(2027, 2, 28))
    facts = Parties(sender, recipient, "Pixel 8", "RPR-2611-AAAAA", date(2026, 9, 14))
    return pypdfium2.PdfDocument(render(draft, GB, facts))


def words(document) -> str:
    return " ".join(document[0].get_textpage().get_text_bounded().split())


@pytest.mark.parametrize("kind", GB.kinds, ids=lambda kind: kind.name)
@pytest.mark.parametrize("owed", [None, 0, 12950])
def test_the_longest_letter_is_one_page_and_ends_with_its_sender(kind, owed):
    long = tuple("Ilse " * 60 for _ in range(12))
    document = printed(kind, long, owed, (SHOP, *long))
    said = words(document)
    assert len(document) == 1 and said.count(SHOP) == 2
    page = document[0]
    assert min(one.get_bounds()[1] for one in page.get_objects()) > 40
    assert "{" not in said


def test_the_notice_of_sale_says_what_the_act_asks_for():
    said = words(printed(GB.kinds[1], ("Ilse Brandt", "2 Cliff Road")))
    assert "You owe us £129.50 for the device. That sum became due before this notice" in said
    assert "on or after 28 February 2027, unless you collect it before that day" in said


def test_an_unknown_address_has_lines_to_write_on():
    def strokes(document) -> int:
        return sum(one.type == 2 for one in document[0].get_objects())

    assert strokes(printed(GB.kinds[0], ("Ilse Brandt",))) == 4
    assert strokes(printed(GB.kinds[0], ())) == 5
    assert strokes(printed(GB.kinds[0], ("Ilse Brandt", "2 Cliff Road"))) == 0
