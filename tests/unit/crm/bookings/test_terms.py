"""Condition and hurry as the last line of what is told about a device."""

import pytest

from crm.bookings.terms import noted, read


@pytest.mark.parametrize(
    "words", ["", "no picture", "two\nlines", "{{ <script>", "‮שלום 📱", "x" * 10_000]
)
@pytest.mark.parametrize("condition", [None, "good", "poor"])
@pytest.mark.parametrize("is_urgent", [True, False])
def test_what_was_noted_is_read_again(words, condition, is_urgent):
    told = noted(words, condition, is_urgent)
    assert told.startswith(words)
    assert read(told) == (words, condition, is_urgent)


def test_staff_read_it_in_the_names_of_the_wire():
    assert noted("no picture", "poor", True) == "no picture\n[as booked: condition poor, urgent]"
    assert noted("", None, True) == "[as booked: urgent]"


@pytest.mark.parametrize(
    "words",
    ["[as booked: condition mint]", "[as booked: urgent] really", "so [as booked: urgent]"],
)
def test_other_words_are_words(words):
    assert read(words) == (words, None, False)
