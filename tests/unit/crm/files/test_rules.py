"""What is taken in, told by content; and names that harm nobody."""

import pytest

from crm.files import rules
from tests.unit.crm.files import samples


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (samples.photo(), "image/jpeg"),
        (samples.photo(kind="PNG"), "image/png"),
        (samples.photo(kind="WEBP"), "image/webp"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", None),
        (samples.PDF, "application/pdf"),
        (b" " + samples.PDF, None),
        (samples.SVG, None),
        (samples.HTML, None),
        (samples.GIF_JS, None),
        (b"MZ\x90\0", None),
        (b"", None),
    ],
)
def test_type_is_told_by_content(content, told):
    assert rules.type_of(content[:16]) == told


@pytest.mark.parametrize(
    ("content", "fine"),
    [
        (samples.PDF, True),
        (samples.PDF.replace(b"%%EOF", b""), False),
        (b"%PDF-1.4\n<HTML><script>alert(1)</script>" + samples.PDF, False),
        (samples.PDF + b"PK\x05\x06" + b"\0" * 18, False),
    ],
)
def test_a_pdf_is_nothing_else(content, fine):
    assert rules.is_plain_pdf(content) is fine


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd", "passwd.jpg"),
        ("..\\..\\evil.php", "evil.jpg"),
        ("IMG_0001.HEIC", "IMG_0001.jpg"),
        ("photo\u202egpj.exe", "photogpj.jpg"),
        ("a\r\nSet-Cookie: x.jpg", "aSet-Cookie: x.jpg"),
        ("..", "file.jpg"),
        ("x" * 500 + ".jpg", "x" * 120 + ".jpg"),
        ("écran cassé.png", "écran cassé.jpg"),
    ],
)
def test_names_become_harmless(given, name):
    assert rules.harmless_name(given, rules.JPEG) == name
