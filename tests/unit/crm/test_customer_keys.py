"""Under which spelling the keys people are known by meet."""

import pytest

from crm.customers.rules import email_key, is_e164, is_invented_name, phone_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+5511987654321", "+551187654321"),
        ("+5215512345678", "+525512345678"),
        ("+5491123456789", "+541123456789"),
        ("+447700900123", "+447700900123"),
    ],
)
def test_variants_of_a_mobile_meet(one, other):
    assert phone_key(one, proven=True) == phone_key(other, proven=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+551133334444", "+5511933334444"),  # a Brazilian landline gets no ninth digit
        ("+5511987654321", "+5521987654321"),
        ("+447700900123", "+447700900124"),
    ],
)
def test_different_numbers_do_not(one, other):
    assert phone_key(one, proven=True) != phone_key(other, proven=True)


def test_mail_ignores_case_and_blanks():
    assert email_key(" Ilse@Example.ORG ", proven=False).value == "ilse@example.org"


@pytest.mark.parametrize(
    "text", ["", "07700900123", "+0447700900", "+44", "+4477009001234567", "+44\n", "+x"]
)
def test_what_is_no_number(text):
    assert not is_e164(text)


@pytest.mark.parametrize(
    ("name", "invented"),
    [
        ("quiet-harbor-318", True),
        ("calm-river-7", True),
        ("Anna-Maria", False),
        ("jean-luc", False),
        ("", False),
    ],
)
def test_invented_names(name, invented):
    assert is_invented_name(name) is invented
