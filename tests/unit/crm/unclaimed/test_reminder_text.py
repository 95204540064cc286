"""The reminder says what waits, for how long, where and when."""

import pytest

from crm.notifications.texts import LOCALES, render

VALUES = {"ref": "RPR-2611-7K3QD", "device": "Pixel 8", "days": 10, "shop": "Quay Phones",
          "link": "https://shop.example/x"}  # fmt: skip


@pytest.mark.parametrize("locale", LOCALES)
def test_it_names_address_and_hours_where_they_are_known(locale):
    where = {"address": "1 Quay", "hours": ["Mon 09:00–18:00", "Sat 10:00–16:00"]}
    said = render(locale, "pickup_reminder", "chat", VALUES | where)
    known = ("Pixel 8", VALUES["ref"], "10", "Quay Phones, 1 Quay", VALUES["link"])
    assert all(word in said for word in (*known, ", ".join(where["hours"])))


@pytest.mark.parametrize("locale", LOCALES)
def test_it_leaves_out_what_is_not(locale):
    said = render(locale, "pickup_reminder", "chat", VALUES | {"address": "", "hours": []})
    assert "Quay Phones." in said and len(said.splitlines()) == 3


@pytest.mark.parametrize("locale", LOCALES)
def test_its_subject_names_the_repair(locale):
    assert VALUES["ref"] in render(locale, "pickup_reminder", "subject", VALUES)
