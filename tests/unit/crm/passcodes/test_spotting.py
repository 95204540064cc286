"""Codes typed into chat: what is hidden, and what looks alike and stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.core.errors import Invalid
from crm.passcodes.rules import MASK, Code, CodeKind, check, hide

PIN, PASSWORD, PATTERN = CodeKind.PIN, CodeKind.PASSWORD, CodeKind.PATTERN


CODES = [
    ("passcode is 4821", PIN, "4821"),
    ("The passcode is 4821.", PIN, "4821"),
    ("Passcode 482163", PIN, "482163"),
    ("PIN: 123456", PIN, "123456"),
    ("pin = 0000", PIN, "0000"),
    ("PIN code: 12 34 56", PIN, "123456"),
    ("my pin for the phone is 9021, thanks", PIN, "9021"),
    ("The passcode for my iPhone is: 4821", PIN, "4821"),
    ("unlock code - 7788", PIN, "7788"),
    ("the screen lock is 2580", PIN, "2580"),
    ("4821 is the passcode", PIN, "4821"),
    ("hi, 482163 is my phone's pin", PIN, "482163"),
    ("my password is hunter2", PASSWORD, "hunter2"),
    ("Password: S3cret!pass.", PASSWORD, "S3cret!pass"),
    ('password is "correct horse" ok', PASSWORD, "correct horse"),
    ("pw: rex2019", PASSWORD, "rex2019"),
    ("the password is 483920", PIN, "483920"),
    ("senha 1234", PIN, "1234"),
    ("a senha é 1234", PIN, "1234"),
    ("A senha do telemóvel é: abc123", PASSWORD, "abc123"),
    ("palavra-passe: gato2020", PASSWORD, "gato2020"),
    ("o pin é 4821 obrigado", PIN, "4821"),
    ("código de desbloqueio: 5566", PIN, "5566"),
    ("codigo pin 4455", PIN, "4455"),
    ("1234 é a senha", PIN, "1234"),
    ("pattern: 1-2-5-8-9", PATTERN, "12589"),
    ("unlock pattern is 14789", PATTERN, "14789"),
    ("o padrão é 1 > 4 > 7 > 8", PATTERN, "1478"),
    ("my phone's passcode's 4821", PIN, "4821"),
    ("iPhone 13, pin: 2019", PIN, "2019"),
    ('pin: "٤٨٢١"', PASSWORD, "٤٨٢١"),
]


@pytest.mark.parametrize(("text", "kind", "value"), CODES)
def test_a_code_is_hidden(text, kind, value):
    hidden = hide(text)
    assert hidden.codes == (Code(kind, value),)
    assert value not in hidden.text and MASK in hidden.text
    assert hide(hidden.text) == type(hidden)(hidden.text, ())


@pytest.mark.parametrize(
    "text",
    [
        "the code I got by SMS is 123456", "Your verification code is 482913",
        "my order is RPR-2611-7K3QD", "PIN for RPR-2611-7K3QD please",
        "my password is wrong", "the passcode is not needed", "I forgot my passcode",
        "password is required to start it", "a senha está errada", "esqueci a senha",
        "the password reset costs 1200", "PIN repair: £85", "the pin is 1200 mAh", "pin 2000 €",
        "password help costs 120.50", "the charging pin broke in 2024",
        "call me on 07700 900123", "phone +44 7700 900123", "IMEI 490154203237518",
        "passcode: 490154203237518", "Is the price 4821?", "PIN: 12/05/2024", "PIN: 2024-05-12",
        "password: https://example.org/reset1", "password is me1@example.org",
        "the battery is at 1234 cycles", "pattern matching 1234", "I pinned 4821 photos",
        "spin 4821", "pin 10:30", "password", "PIN", "", "a senha é pedida 1234 vezes",
        "the screen is 1080 by 2400", "collect at 1630, the pin is fine",
        "the password is +447700900123", "o padrão é bonito", "padrão 2024",
        "charging pin 2024", "The charging pin is 2024 model", "USB-C connector pin: 1234",
        "the coupon password: SAVE10", "gift card PIN: 482913", "cupão: senha SAVE2026",
        "SMS PIN is 482913", "my booking password is X7Y8Z9", "pin 2019", "forgot password 2024",
        "pin is 07700 900123", "pin is 912 345 678", "PIN: 912345678", "pin is 21 11 2026",
        "pin is 1990s", "the pin is 3.5mm", "password is 16GB", "my passcode is 4-digit",
        "my password is 8characters", "the password is 3rd-party", "o desbloqueio: 2500 kz",
        "O desbloqueio do iPhone é 1500?", "desbloqueio: 1200", "screen lock: 2024 model",
        'it says password is "incorrect"', "password is 'wrong'", 'a senha está: "errada"',
        'password: "https://example.org/x1"', 'password: "   "', "pattern: 1-2-1-2", "pin is 1234GB",
    ],
)  # fmt: skip
def test_what_looks_alike_stays(text):
    assert hide(text) == type(hide(text))(text, ())


def test_several_codes_and_all_around_them_stays():
    hidden = hide("Hi! passcode is 4821, SIM PIN: 1357. Bring £20 at 10:30 🙂")
    assert hidden.text == f"Hi! passcode is {MASK}, SIM PIN: {MASK}. Bring £20 at 10:30 🙂"
    assert [code.value for code in hidden.codes] == ["4821", "1357"]


@pytest.mark.parametrize(
    "text",
    ["pin " * 40_000, "password is " * 14_000, "1" * 150_000, "passcode " + "the my " * 20_000,
     "pin: " + "12 " * 50_000, "pattern is " + "1-" * 70_000, "senha é " + "a" * 150_000,
     "\u202epin: 4821\u202c " * 8_000, "<script>pin {{ 4 }}</script>" * 5_000],
)  # fmt: skip
def test_long_and_hostile_words_take_no_time(text):
    started = time.perf_counter()
    hide(text)
    assert time.perf_counter() - started < 2


@given(st.text())
def test_any_text_is_read(text):
    hidden = hide(f"pin: {text}")
    assert bool(hidden.codes) == (hidden.text != f"pin: {text}")


@given(
    st.sampled_from(("pin: ", "pattern is ", "my password is ", "senha ")),
    st.sampled_from(("", '"')),
    st.text(st.sampled_from("0123456789٤²①५-> abcD•\x00"), max_size=20),
)
def test_whatever_is_hidden_fits_the_box(key, quote, value):
    """A code the box refused would take its message down with it."""
    for code in hide(f"{key}{quote}{value}{quote}").codes:
        assert check(code) == code


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("pin", "4821", "4821"),
        ("pin", " 48 21 ", "4821"),
        ("pattern", "1-2-3-6", "1236"),
        ("password", " hunter 2 ", " hunter 2 "),
        ("password", "🙂<script>{{", "🙂<script>{{"),
        ("none", "", ""),
    ],
)
def test_codes_as_staff_write_them(kind, value, kept):
    assert check(Code(CodeKind(kind), value)).value == kept


@pytest.mark.parametrize(
    ("kind", "value"),
    [("pin", "12"), ("pin", "12a4"), ("pin", ""), ("pin", "٤٨٢١"), ("pattern", "1123"),
     ("pattern", "123"), ("pattern", "1230"), ("password", ""), ("none", "4821")],
)  # fmt: skip
def test_codes_that_do_not_fit(kind, value):
    with pytest.raises(Invalid) as refused:
        check(Code(CodeKind(kind), value))
    assert "value" in refused.value.errors and (not value or value not in str(refused.value.errors))
