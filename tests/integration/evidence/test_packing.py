"""Evidence packs: complete, honest about what is missing, the same each time, and nothing private."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
import zipfile

import pytest

from crm.core.errors import NotFound
from crm.core.uow import refuse_inside_unit
from crm.evidence import packing
from crm.files.store import Store
from tests import builders
from tests.integration.evidence.conftest import file_photo
from tests.integration.payments.giving import SHOP
from tests.unit.crm.files import samples


class Distant(Store):
    """As a bucket: never asked while a unit of work is open."""

    def source(self, key: str, name: str):
        refuse_inside_unit()
        return super().source(key, name).open("rb")


def packed(units, store, repair, **how) -> tuple[dict[str, bytes], dict]:
    """Every file of a pack, and its index; each hash is verified."""
    made = packing.pack(units, store, SHOP, repair.id, builders.STAFF, **how)
    with made.file, zipfile.ZipFile(made.file) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    assert hashlib.sha256(found["index.json"]).hexdigest() == made.digest
    index = json.loads(found["index.json"])
    assert [one["path"] for one in index["files"]] == [n for n in found if n != "index.json"]
    for one in index["files"]:
        assert hashlib.sha256(found[one["path"]]).hexdigest() == one["sha256"], one["path"]
        assert len(found[one["path"]]) == one["size_bytes"]
    return found, index


def test_everything_is_in_it(units, store, repair):
    found, index = packed(units, Distant(store.root), repair)
    text = {name: content.decode() for name, content in found.items() if name.endswith(".html")}
    assert list(found) == [
        "01-repair.html", "02-intake.html", "03-checklists.html", "04-agreements.html",
        "05-approval.html", "06-messages.html", "07-history.html", "08-money.html",
        "09-collection.html", "documents/001.pdf", "files/001.jpg", "files/002.pdf", "index.html",
        "index.json",
    ]  # fmt: skip
    assert (index["repair"], index["made_by"], index["left_out"]) == (
        repair.ref, "Rosa Lindgren", [],
    )  # fmt: skip
    assert "&lt;b&gt;cracked" in text["01-repair.html"]
    assert "490154203237518" in text["02-intake.html"]
    assert "dead pixel" in text["03-checklists.html"]
    assert all(words in text["04-agreements.html"]
               for words in ("Ilse Brandt", "192.0.2.7", "1,2 300,100", "SHA-256"))  # fmt: skip
    assert all(words in text["05-approval.html"]
               for words in ("I approve this quote.", "192.0.2.8", "Screen", "£90.00"))  # fmt: skip
    assert "•••• 4242, my pin is ••••" in text["06-messages.html"]
    assert "ready on Friday" in text["06-messages.html"]
    assert "collection code was right" in text["09-collection.html"]
    assert found["documents/001.pdf"].startswith(b"%PDF") and found["files/002.pdf"] == samples.PDF
    assert "before the work, pair 1" in index["files"][10]["title"]
    assert all(one["sha256"] in text["index.html"] for one in index["files"][:-1])
    everything = "".join(text.values()) + found["index.json"].decode()
    assert "difficult customer" not in everything and "4821" not in everything
    assert "<script" not in "".join(text.values())


def test_the_same_rows_give_the_same_bytes(units, store, repair):
    first, index = packed(units, store, repair)
    second, again = packed(units, store, repair)
    assert index["files"][:-1] == again["files"][:-1], "all but the page that says when"
    changed = {name for name in first if first[name] != second[name]}
    assert changed <= {"index.html", "index.json"}


def test_a_repair_with_nothing_in_it(units, store, bare):
    found, index = packed(units, store, bare)
    assert len(found) == 11 and index["left_out"] == []
    assert b"Nothing was recorded." in found["06-messages.html"]


def test_what_is_gone_from_the_store_is_told(units, store, repair):
    for path in store.root.rglob("full.pdf"):
        path.unlink()
    found, index = packed(units, store, repair)
    assert "files/002.pdf" not in found
    assert index["left_out"][0]["title"].startswith("report.pdf")
    assert b"it is not in the store" in found["index.html"]


def test_a_pack_has_a_size(units, store, repair):
    found, index = packed(units, store, repair, most_bytes=40_000)
    told = [one["reason"] for one in index["left_out"]]
    assert told and set(told) == {"the pack would be too large"}
    assert sum(len(content) for content in found.values()) < 60_000
    assert "09-collection.html" in found, "what is told in words is always there"


def test_many_files_take_no_memory(units, store, bare):
    """Twenty documents of 1 MB each pass through in pieces."""
    for number in range(20):
        body = samples.PDF[:-7] + b"%" + bytes([65 + number]) * 1_000_000 + b"\n%%EOF\n"
        file_photo(units, store, bare.id, body, f"{number}.pdf")
    packing.pack(units, store, SHOP, bare.id, builders.STAFF).file.close()
    tracemalloc.start()
    packing.pack(units, store, SHOP, bare.id, builders.STAFF).file.close()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def test_no_such_repair(units, store):
    with pytest.raises(NotFound):
        packing.pack(units, store, SHOP, 4711, builders.STAFF)
