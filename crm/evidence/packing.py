"""Writes the ZIP: pages, files and documents one after the other, each with its hash in the index.

No unit of work is open while the store is read: what is in the pack is gathered first. The same
rows give the same bytes, but for who made it and when. A file on disk takes it all; memory holds
one piece at a time.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

from crm.core import clock
from crm.core.events import Actor
from crm.core.shop import Shop
from crm.core.uow import Units
from crm.evidence import pages
from crm.evidence.gathering import Document, Gathered, gather
from crm.files import rules
from crm.files.store import Store
from crm.invoices import pdf
from crm.invoices.models import Invoice

# What a mailbox or a bank's form still takes in parts, and any disk of ours holds.
MOST_BYTES = 100 * rules.MEGABYTE
CHUNK_BYTES = 64 * 1024
INDEX_PAGE, INDEX = "index.html", "index.json"
_STORED = (".jpg", ".pdf")  # compressed already
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Pack:
    """file: at its start, gone when it is closed. digest: SHA-256 of `index.json`."""

    file: IO[bytes]
    name: str
    digest: str
    count: int


@dataclass
class _Written:
    """What the index tells. left_out: title and why."""

    archive: zipfile.ZipFile
    most_bytes: int
    files: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    size: int = 0

    def add(self, path: str, title: str, content: Iterator[bytes]) -> str:
        digest, count = hashlib.sha256(), 0
        info = zipfile.ZipInfo(path, _EPOCH)
        is_packed = path.endswith(_STORED)
        info.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        with self.archive.open(info, "w") as place:
            for chunk in content:
                digest.update(chunk)
                count += len(chunk)
                place.write(chunk)
        self.size += count
        self.files.append(
            {"path": path, "title": title, "size_bytes": count, "sha256": digest.hexdigest()}
        )
        return digest.hexdigest()

    def fits(self, title: str, size_bytes: int) -> bool:
        if self.size + size_bytes <= self.most_bytes:
            return True
        self.left_out.append({"title": title, "reason": "the pack would be too large"})
        return False


def pack(
    units: Units,
    store: Store,
    shop: Shop,
    repair_id: int,
    actor: Actor,
    *,
    most_bytes: int = MOST_BYTES,
) -> Pack:
    """Raises NotFound, Temporary (a store elsewhere is away)."""
    with units() as uow:
        gathered = gather(uow, shop, repair_id)
        made_at = uow.now
    target = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        with zipfile.ZipFile(target, "w") as archive:
            written = _Written(archive, most_bytes)
            _write(written, units, store, gathered)
            told = {
                "repair": gathered.repair_ref,
                "shop": shop.name,
                "made_at": clock.iso(made_at),
                "made_by": actor.name,
                "files": written.files,
                "left_out": written.left_out,
            }
            written.add(INDEX_PAGE, "Index", iter([_index_page(told)]))
            plain = json.dumps(told, indent=2, ensure_ascii=False).encode(errors="replace")
            # Its own hash cannot be inside; the audit log keeps it.
            digest = written.add(INDEX, "Index", iter([plain]))
        target.seek(0)
    except BaseException:
        target.close()
        raise
    return Pack(target, f"evidence-{gathered.repair_ref}.zip", digest, len(written.files))


def _write(written: _Written, units: Units, store: Store, gathered: Gathered) -> None:
    for number, section in enumerate(gathered.sections, start=1):
        path = f"{number:02}-{section.slug}.html"
        written.add(path, section.title, iter([pages.render(section)]))
    for document in gathered.documents:
        content = _drawn(units, document)
        if written.fits(document.title, len(content)):
            written.add(document.path, document.title, iter([content]))
    for filed in gathered.files:
        if not written.fits(filed.title, filed.size_bytes):
            continue
        try:
            source = store.source(filed.key, filed.name)
        except FileNotFoundError:
            written.left_out.append({"title": filed.title, "reason": "it is not in the store"})
            continue
        with _opened(source) as stream:
            written.add(filed.path, filed.title, _chunks(stream))


def _drawn(units: Units, document: Document) -> bytes:
    with units() as uow:
        return pdf.of(uow, uow.session.get_one(Invoice, document.invoice_id))


@contextmanager
def _opened(source: Path | BinaryIO) -> Iterator[BinaryIO]:
    with closing(source.open("rb") if isinstance(source, Path) else source) as stream:
        yield stream


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def _index_page(told: dict[str, Any]) -> bytes:
    made = f"<p>Made at {pages.text(told['made_at'])} by {pages.text(told['made_by'])}, "
    made += f"{pages.text(told['shop'])}.</p>"
    rows = (
        (pages.link(one["path"]), pages.text(one["title"]), str(one["size_bytes"]), one["sha256"])
        for one in told["files"]
    )
    body = made + pages.table(("File", "What it is", "Bytes", "SHA-256"), rows)
    if told["left_out"]:
        missing = (
            (pages.text(one["title"]), pages.text(one["reason"])) for one in told["left_out"]
        )
        body += "<h2>Left out</h2>" + pages.table(("What", "Why"), missing)
    return pages.page(f"Evidence for repair {told['repair']}", body)
