"""Takes bytes from strangers and makes drafts of them: counted, told by content, written anew.

Nothing here needs the database, and no unit of work is open meanwhile: a picture takes a second.
Filing a draft is `service.add`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog

from crm.core.errors import Invalid, TooMany
from crm.files import rules
from crm.files.store import Store

log = structlog.get_logger(__name__)

PROGRAM = Path(__file__).with_name("pictures.py")
AT_ONCE = 1  # pictures a process has in work; a large one takes some hundred MB
WAIT_SECONDS = 30.0
LONGEST_SECONDS = 30.0
CHUNK_BYTES = 64 * 1024
SENT = "sent"

REFUSALS = {
    "empty": "It is empty.",
    "too-large": "It is larger than 10 MB.",
    "wrong-type": "It is neither a JPEG, PNG, WebP or HEIC picture nor a PDF.",
    "not-plain-pdf": "It is not a complete, plain PDF.",
    "too-many-pixels": "It has more than 40 million pixels.",
    "moving": "It is a moving picture.",
    "unreadable": "It is damaged or cannot be read.",
}
_places = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Draft:
    """A file ready to be filed. folder: in the store. size_bytes: of what is kept."""

    folder: Path
    name: str
    content_type: str
    size_bytes: int
    digest: str
    width: int | None = None
    height: int | None = None


class Receiving:
    """The drafts of one request. Use `receiving`, which leaves no draft behind."""

    def __init__(self, store: Store):
        self._store = store
        self._folders: list[Path] = []

    def take(self, stream: BinaryIO, name: str) -> Draft:
        """Read a stream to its end. Raises Unfit, TooMany, Temporary (a store elsewhere is away)."""
        folder = self._store.draft()
        self._folders.append(folder)
        sent = folder / SENT
        digest = _copy(stream, sent)
        with sent.open("rb") as file:
            content_type = rules.type_of(file.read(16))
        if content_type is None:
            raise Unfit("wrong-type")
        if content_type == rules.PDF:
            return self._document(folder, sent, name, digest)
        size = _rewrite(sent, folder)
        sent.unlink()
        self._store.ready(folder)
        return Draft(
            folder,
            rules.harmless_name(name, rules.JPEG),
            rules.JPEG,
            (folder / file_name(rules.JPEG)).stat().st_size,
            digest,
            size["width"],
            size["height"],
        )

    def clear(self) -> None:
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _document(self, folder: Path, sent: Path, name: str, digest: str) -> Draft:
        content = sent.read_bytes()
        if not rules.is_plain_pdf(content):
            raise Unfit("not-plain-pdf")
        sent.rename(folder / file_name(rules.PDF))
        self._store.ready(folder)
        name = rules.harmless_name(name, rules.PDF)
        return Draft(folder, name, rules.PDF, len(content), digest)


@contextmanager
def receiving(store: Store) -> Iterator[Receiving]:
    """Drafts that were not kept are gone at the end. Kept ones stay, also after a failure: whether
    the commit reached the database is not known here, so that is left to the sweeper."""
    taken = Receiving(store)
    try:
        yield taken
    finally:
        taken.clear()


class Unfit(Invalid):
    """A file we do not take. code: of REFUSALS; status: 413 or 415 where HTTP has a word for it."""

    def __init__(self, code: str):
        super().__init__(REFUSALS[code], code=code)
        self.status = {"too-large": 413, "wrong-type": 415}.get(code, Invalid.status)


def file_name(content_type: str, size: rules.Size = rules.Size.FULL) -> str:
    """What one size is called inside a file's folder."""
    return f"{size}.{rules.EXTENSIONS[content_type]}"


def _copy(stream: BinaryIO, target: Path) -> str:
    digest, count = hashlib.sha256(), 0
    with target.open("xb") as file:
        while chunk := stream.read(CHUNK_BYTES):
            count += len(chunk)
            if count > rules.MOST_BYTES:
                raise Unfit("too-large")
            digest.update(chunk)
            file.write(chunk)
    if not count:
        raise Unfit("empty")
    return digest.hexdigest()


def _rewrite(sent: Path, folder: Path) -> dict[str, int]:
    """Run `pictures.py`, with nothing of ours in its environment."""
    if not _places.acquire(timeout=WAIT_SECONDS):
        raise TooMany("many pictures are being stored; try again in a moment", after=30)
    try:
        command = [sys.executable, "-I", str(PROGRAM), str(sent.resolve()), str(folder.resolve())]
        done = subprocess.run(command, env={}, capture_output=True, timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Unfit("unreadable") from error
    finally:
        _places.release()
    if done.returncode:
        # Over its limits, or a decoder fell over this one; a broken installation shows here too.
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        log.warning("picture not read", exit=done.returncode, error=last.partition(":")[0][:80])
        raise Unfit("unreadable")
    answer = json.loads(done.stdout)
    if "refused" in answer:
        raise Unfit(answer["refused"])
    return answer
