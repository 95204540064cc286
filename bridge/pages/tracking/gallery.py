"""The released files of a repair as its tracking page shows them: pairs, single pictures, documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from crm.files.links import FileLinks
from crm.files.models import File
from crm.files.rules import Size, Stage

# Links of one day are the same, so that a page on which nothing changed is the same page.
SAME_FOR = timedelta(days=1)
# The longer side of the small size. `files/pictures.py` brings a decoder that has no place here.
SIDE = 320


@dataclass(frozen=True)
class Picture:
    """url: to look at; thumbnail: in the page, `width` by `height` CSS pixels."""

    url: str
    thumbnail: str
    width: int
    height: int


@dataclass(frozen=True)
class Gallery:
    """pairs: (before, after), one of them may be None. documents: addresses of PDFs."""

    pairs: tuple[tuple[Picture | None, Picture | None], ...]
    singles: tuple[Picture, ...]
    documents: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.pairs or self.singles or self.documents)


def of(files: Sequence[File], links: FileLinks, now: datetime) -> Gallery:
    """files: released ones, oldest first."""
    start = datetime.min.replace(tzinfo=now.tzinfo)
    since = now - (now - start) % SAME_FOR

    def path(file: File, size: Size) -> str:
        # Without the host: the page may be open under another name of the same service.
        return urlsplit(links.download(file.key, size, since, is_public=True)).path

    def picture(file: File) -> Picture:
        shrunk = min(1.0, SIDE / max(file.width, file.height))
        return Picture(
            path(file, Size.MEDIUM),
            path(file, Size.SMALL),
            max(1, round(file.width * shrunk)),
            max(1, round(file.height * shrunk)),
        )

    pairs: dict[int, dict[str, Picture]] = {}
    singles = []
    for file in files:
        if file.is_picture and file.pair is not None:
            pairs.setdefault(file.pair, {})[file.stage] = picture(file)
        elif file.is_picture:
            singles.append(picture(file))
    return Gallery(
        tuple((one.get(Stage.BEFORE), one.get(Stage.AFTER)) for one in pairs.values()),
        tuple(singles),
        tuple(path(file, Size.FULL) for file in files if not file.is_picture),
    )
