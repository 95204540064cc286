"""CSV in and out: faults named by line, cells that a spreadsheet does not run, words of a model."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.catalog import kinds, sheets, words
from crm.catalog.kinds import MODELS, REPAIR_TYPES
from crm.catalog.sheets import Column
from crm.core.errors import Invalid

HEAD = "slug,category,brand,name,year,model_numbers,difficulty,common_issues,prices,retired"


def read(text: str, kind=MODELS):
    return sheets.read(text.encode(), kind.columns, kind.key)


def row(number: int, year: str = "2020") -> str:
    return f"acme-{number},phones,Acme,Model {number},{year},A-{number},easy,,,"


def test_a_broken_line_is_named():
    lines = [HEAD, *(row(number) for number in range(2, 6001))]
    lines[4710] = row(4711, year="20x0")
    with pytest.raises(Invalid) as refused:
        read("\n".join(lines))
    assert list(refused.value.errors) == ["line 4711"]
    assert refused.value.errors["line 4711"][0].startswith("year:")
    assert "line 4711" in refused.value.detail


def test_all_faults_are_told_at_once_and_each_by_its_column():
    text = "\n".join([HEAD, row(1, "1066"), row(2), row(2), "one,two", row(3) + ",extra"])
    with pytest.raises(Invalid) as refused:
        read(text)
    assert list(refused.value.errors) == ["line 2", "line 4", "line 5", "line 6"]
    assert refused.value.errors["line 4"] == ["the same as line 3"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "column 'slug' is missing"),
        (f"{HEAD},colour\n".encode(), "unknown column 'colour'"),
        (f"{HEAD},slug\n".encode(), "named twice"),
        (HEAD.encode() + b"\nacme,\xff\xfe", "line 2: not UTF-8"),
        (HEAD.encode() + b'\n"acme,phones', "not CSV"),
        (b"x" * (sheets.MOST_BYTES + 1), "larger than"),
    ],
)
def test_a_file_that_is_no_sheet_is_refused(data, told):
    with pytest.raises(Invalid, match=told):
        sheets.read(data, MODELS.columns, MODELS.key)


def test_columns_may_stand_in_any_order_and_a_mark_may_lead():
    text = "\ufeffslug,category,name,price,currency,hours,difficulty,parts,retired\r\n" \
        "screen,phones,Screen,199.99,GBP,1.5,easy,glass; glue,yes\r\n"  # fmt: skip
    (found,) = read(text, REPAIR_TYPES)
    assert found.values == {
        "slug": "screen", "category": "phones", "name": "Screen", "price_minor": 19999,
        "currency": "GBP", "minutes": 90, "difficulty": "easy", "parts": ["glass", "glue"],
        "is_retired": True,
    }  # fmt: skip


@pytest.mark.parametrize("cell", ["=1+1", "+44", "-1", "@SUM(A1)", "\tx", "\rx", "'=1"])
def test_no_cell_is_a_formula(cell):
    assert sheets.guard(cell).startswith("'")
    assert sheets.unguard(sheets.guard(cell)) == cell


@given(st.text())
def test_guarding_loses_nothing(cell):
    assert sheets.unguard(sheets.guard(cell)) == cell
    assert sheets.guard(cell)[:1] not in tuple("=+-@\t\r")


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)))
def test_what_is_written_is_read_back(names):
    columns = [Column("name", "name", str)]
    wanted = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    text = sheets.write([SimpleNamespace(name=name) for name in wanted], columns)
    assert [one.values["name"] for one in sheets.read(text.encode(), columns, ["name"])] == wanted


@pytest.mark.parametrize("cell", ["-1", "1e5", "NaN", "1.234", "", "1,50", "100000.01"])
def test_strange_prices_are_refused(cell):
    with pytest.raises(sheets.CellFault):
        kinds.price(cell)


@given(st.integers(0, kinds.MOST_PRICE_MINOR))
def test_prices_keep_their_pennies(minor):
    assert kinds.price(kinds.price_cell(minor)) == minor


@given(st.integers(1, 12_000))
def test_hours_keep_their_minutes(minutes):
    assert kinds.hours(kinds.hours_cell(minutes)) == minutes


def test_a_model_is_known_by_many_words():
    found = words.of_model("Samsung", "Galaxy S21+ 5G", 2021, ["SM-G996B"])
    assert {"samsung", "s21", "s21plus5g", "galaxys21plus5g", "smg996b", "g996b", "2021"} <= set(
        found
    )


@pytest.mark.parametrize(
    ("typed", "word", "slips"),
    [("iphone", "iphone", 0), ("iph", "iphone", 0), ("ihpone", "iphone", 1), ("ipone", "iphone", 1),
     ("iphn", "iphone", 1), ("samsnug", "samsung", 1), ("nokia", "pixel", 4)],
)  # fmt: skip
def test_slips_of_the_pen(typed, word, slips):
    assert words.slips(typed, word) == slips


def test_only_near_words_stand_in():
    assert words.likest("galxy", ["galaxy", "gaming"]) == ["galaxy"]
    assert words.likest("gramophone", ["iphone", "phone"]) == []
    assert words.split("iphone15") == ["iphone", "15"] and words.split("s21") == ["s21"]
