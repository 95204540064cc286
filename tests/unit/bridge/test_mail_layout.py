"""How an e-mail looks: what becomes of the lines of its text, and of hostile words in them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from bridge import theme
from bridge.integrations.mail import blocks, layout
from bridge.integrations.mail.blocks import Button, Code, Items, Marks, Paragraph, Span
from bridge.integrations.mail.messages import plain
from crm.notifications.rules import Kind
from crm.notifications.texts import LOCALES

SITE = "https://quay.example"
PAY, TRACK = f"{SITE}/pay/abc_-1", f"{SITE}/track/def"
CSS = Path(layout.__file__).parents[2] / "static" / "mendline.css"


class Page(HTMLParser):
    """Every tag with its attributes, and what is read."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def links(self) -> list[str]:
        return [attrs["href"] for tag, attrs in self.tags if tag == "a"]

    @property
    def text(self) -> str:
        return "".join(self.words)


def read(text: str, **how) -> list:
    return blocks.read(blocks.tidy(text), site=SITE, **how)


def html(text: str, shop: str = "Quay Phones", title: str = "Hello", **how) -> str:
    foot = layout.foot(
        "en", Kind.SERVICE, shop, home=SITE, takes_answers=True, preferences=f"{SITE}/preferences/x"
    )
    return layout.as_html(text, "en", foot, title=title, site=SITE, **how)


def test_lines_become_paragraphs_lists_and_buttons():
    assert read(
        f"It is ready.\n\n- one\n- Air, £2: {TRACK}\nPay here: {PAY}\nDetails: {TRACK}"
    ) == [
        Paragraph((Span("It is ready."),)),
        Items(((Span("one"),), (Span("Air, £2", TRACK),))),
        Button("Pay here", PAY, is_first=True),
        Button("Details", TRACK, is_first=False),
    ]
    assert read(PAY) == [Button("", PAY, is_first=True)]
    assert read(f"See {TRACK}, please.") == [
        Paragraph((Span("See "), Span(TRACK, TRACK), Span(", please.")))
    ]


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/pay", "https://quay.example.evil.example/x", "https://quay.example@evil.example/",
     "http://quay.example/x", "HTTPS://EVIL.EXAMPLE"],
)  # fmt: skip
def test_words_never_stand_for_an_address_that_is_not_the_shops(url: str):
    found = Page(html(f"Pay here: {url}\n- Pay: {url}"))
    assert found.text.count(url) == 2
    assert not [b for b in read(f"Pay here: {url}") if isinstance(b, Button)]
    assert read(f"Review: {url}", known=[url]) == [Button("Review", url, is_first=True)]


def test_a_code_stands_out_where_it_stands_alone_else_above_everything():
    text = f"Open {SITE}/999999 now. 482913 is your code for Phones 4000."
    assert read(text, code="482913")[0] == Code("482913")
    assert not any(isinstance(block, Code) for block in read(text))
    before, code, after = read("Your code:\n482913\nKeep 482913 to yourself.", code="482913")
    assert code == Code("482913") and before.kind == after.kind == "paragraph"
    assert html("Your code:\n482913", code="482913").count("482913") == 1


def test_choices_that_are_counted_are_a_list():
    assert read("Which one?\n1. Air: £2\n2. Pro\nAnswer.\n- a\n3. c\n5. d") == [
        Paragraph((Span("Which one?"),)),
        Items(((Span("Air: £2"),), (Span("Pro"),)), 1),
        Paragraph((Span("Answer."),)),
        Items(((Span("a"),),)),
        Items(((Span("c"),),), 3),
        Items(((Span("d"),),), 5),
    ]
    assert read("10.30 is fine\n2026. Good") == [
        Paragraph((Span("10.30 is fine"),)),
        Paragraph((Span("2026. Good"),)),
    ]
    page = html("Which one?\n3. c\n4. d\n- a")
    assert '<ol start="3"' in page and page.count("<ol") == page.count("<ul") == 1


def test_a_mark_is_chosen_by_a_link_of_its_own():
    page = Page(html(f"How did we do?\nRate it: {TRACK}\nThank you", scale=TRACK))
    marks = [f"{TRACK}?mark={mark}" for mark in range(1, 6)]
    assert [url for url in page.links if url.startswith(TRACK)] == marks
    assert Marks(TRACK).at(4) == marks[3] and "Rate it" not in page.text


def test_the_first_sentence_is_the_heading_and_nothing_is_said_twice():
    def shown(text: str, title: str = "Ready: repair RPR-2611-7K3QD", **how) -> tuple[str, str]:
        page = html(text, title=title, **how).partition('<td class="card"')[2]
        head, _, below = page.partition("</h1>")
        return Page(head.partition("<h1")[2].partition(">")[2]).text, Page(page).text

    heading, words = shown("Your Air (RPR-2611-7K3QD) is ready.\nTo pay: £2")
    assert heading == "Your Air is ready" and words.count("is ready") == 1
    assert words.count("RPR-2611-7K3QD") == 1
    # What is told elsewhere is not told above, and other numbers stay where they are.
    heading, words = shown("Thanks (QUO-2611-7K3QD).\nYour reference is RPR-2611-7K3QD.")
    assert heading == "Thanks (QUO-2611-7K3QD)" and words.count("RPR-2611-7K3QD") == 1
    for text in ("Dear Ana,\nit is here.", "x" * 200 + ".\nb", "It is ready.", "One. Two.\nb", f"See {PAY}.\nb",
                 f"Pay: {PAY}\nb"):  # fmt: skip
        heading, words = shown(text)
        assert heading == "Ready: repair RPR-2611-7K3QD"
    assert shown("4213\nYour code.\nb", code="4213")[0] == "Ready: repair RPR-2611-7K3QD"


def test_the_head_wears_the_shops_name_and_colour():
    page = html("Hello")
    head = page.partition('<td class="card"')[0].rpartition("<body")[2]
    assert theme.LIGHT.primary_strong in head and ">Q</td>" in head and "Quay Phones" in head
    assert 'class="sign"' not in html("Hello", shop="🔧").rpartition("<body")[2]


def test_a_button_keeps_its_room_in_outlook():
    """It pads no links, only cells (mso-padding-alt)."""
    page = html(f"Pay here: {PAY}")
    assert "mso-padding-alt: 13px 24px" in page.rpartition("<body")[2]


HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{ 7*7 }}{% raw %}", "a\x00b\x1b[0m",
    "\u202egpj.exe", "שלום עולם", "👩‍👩‍👧 🔧", "x" * 10_000, "</style><style>*{display:none}", "\" onclick=\"x",
    "javascript:alert(1)", "Pay: javascript:alert(1)", "Pay: data:text/html,x", "https://[", "<!--", "-->",
    f"Pay: {SITE}/\"onmouseover=alert(1)", f"- {SITE}/<script>",
]  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_stay_words(words: str):
    calm = Page(html("Hello", title="T"))
    found = Page(html(f"{words}\nNote: {words}", plain(words), title=plain(words)))
    known = {"a", "p", "ul", "li", "span"} | {tag for tag, _ in calm.tags}
    assert {tag for tag, _ in found.tags} <= known
    for tag, attrs in found.tags:
        assert not [name for name in attrs if name.startswith("on")], (tag, attrs)
    assert all(url.startswith(("https://", "http://")) for url in found.links)
    shown = words.translate(dict.fromkeys([0, 0x1B, 0x202E]))
    assert shown in found.text
    assert not set("\x00\x1b\u202e") & set(found.text)


def test_long_words_are_read_in_a_moment_and_stay_small():
    assert (
        len(html("https://x.example/" * 600 + "\n" + "-" * 5_000 + ": " * 2_000).encode()) < 70_000
    )


@pytest.mark.parametrize(
    ("subject", "shown"),
    [("Confirmed: your booking BKG-1 at Quay", "Confirmed: your booking BKG-1"),
     ("Obrigado, da Quay: reparação R", "Obrigado: reparação R"), ("Your code for Quay", "Your code"),
     ("A message from Quay about R", "A message about R"), ("at Quay", "at Quay"), ("Quay", "Quay")],
)  # fmt: skip
def test_the_heading_leaves_out_the_shops_name(subject: str, shown: str):
    assert layout.heading(subject, "Quay") == shown


def test_nothing_is_fetched_and_a_reference_stays_on_one_line():
    page = html(f"Ready: RPR-2611-7K3QD\nPay here: {PAY}")
    assert not [tag for tag, _ in Page(page).tags if tag in ("img", "link", "script", "iframe")]
    assert "url(" not in page and "@import" not in page
    assert '<span class="ref" style="white-space: nowrap;">RPR-2611-7K3QD</span>' in page
    assert 'lang="en" dir="ltr"' in page and 'content="light dark"' in page
    assert "prefers-color-scheme: dark" in page


def test_the_plain_part_says_the_same_and_why():
    foot = layout.foot(
        "pt", Kind.MARKETING, "Quay", home=SITE, takes_answers=False,
        preferences=f"{SITE}/p/x", unsubscribe=f"{SITE}/p/x/unsubscribe",
    )  # fmt: skip
    plain = layout.as_text("Olá\x00", foot)
    assert plain.startswith("Olá\n\n-- \nQuay\n")
    assert plain.splitlines()[-3:] == [
        f"Cancelar a subscrição: {SITE}/p/x/unsubscribe",
        f"Alterar o que lhe enviamos: {SITE}/p/x",
        f"Como falar connosco: {SITE}",
    ]


def test_the_foot_says_what_becomes_of_an_answer():
    def said(takes_answers: bool, kind: Kind = Kind.SERVICE) -> str:
        foot = layout.foot("en", kind, "Quay", home=SITE, takes_answers=takes_answers)
        return layout.as_text("Hello", foot)

    assert "You can simply answer" in said(True) and SITE not in said(True)
    assert "are not read" in said(False) and f"How to reach us: {SITE}" in said(False)
    assert "answer" not in said(False, Kind.CODE).lower()


def test_every_language_has_every_word():
    def shape(value):
        return {k: shape(v) for k, v in value.items()} if isinstance(value, dict) else type(value)

    assert {str(shape(layout.spoken(one))) for one in LOCALES} == {str(shape(layout.spoken("en")))}
    assert set(layout.spoken("en")["reasons"]) == set(Kind)


def test_pages_and_mails_wear_the_same_colours():
    css = CSS.read_text()
    light, _, dark = css.partition("@media (prefers-color-scheme: dark)")

    def told(css: str) -> dict[str, str]:
        head = css[css.index(":root {") :].partition("}")[0]
        lines = [
            line.strip().removeprefix("--").split(";")[0]
            for line in head.split("\n")
            if "--" in line
        ]
        return dict(line.split(": ", 1) for line in lines)

    assert told(light) == {**theme.LIGHT.variables(), "radius": theme.RADIUS, "gap": "1rem"}
    assert told(dark) == theme.DARK.variables()
    assert theme.FONTS in css


def _contrast(one: str, other: str) -> float:
    def bright(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((bright(one), bright(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("look", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_everything_can_be_read(look: theme.Theme):
    pairs = [(look.text, look.surface), (look.quiet, look.background), (look.primary_strong, look.surface),
             (look.on_primary, look.primary_strong), (look.text, look.background)]  # fmt: skip
    assert min(_contrast(*pair) for pair in pairs) >= 4.5
