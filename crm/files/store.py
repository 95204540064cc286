"""Where the bytes are: a folder outside the web root, one sub-folder of random name per file.

A file lies complete and durable in its place before its row is committed, so no row is without its
file. What a crash leaves without a row is swept away (`service.sweep`). A store elsewhere replaces
what is said about places and keeps what is said about drafts (`bridge/integrations/files/s3.py`).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

INCOMING = "incoming"
KEY_SIGNS = 32
_KEY = re.compile(rf"[0-9a-f]{{{KEY_SIGNS}}}")


class Store:
    """root: a private folder on a disk that all processes of the service share."""

    def __init__(self, root: Path):
        self.root = root

    def draft(self) -> Path:
        """A new private folder for a file that nobody names yet; its name is the file's key."""
        self._make(self.root / INCOMING)
        folder = self.root / INCOMING / secrets.token_hex(KEY_SIGNS // 2)
        folder.mkdir(mode=0o700)
        return folder

    def ready(self, draft: Path) -> None:
        """The draft is complete and no unit is open: a store elsewhere takes its bytes now."""

    def keep(self, draft: Path) -> str:
        """Move a draft to its place, durably. Returns its key."""
        place = self._place(draft.name)
        self._make(place.parent)
        for path in (*draft.iterdir(), draft):
            _flush(path)
        draft.rename(place)
        for folder in (place.parent, self.root):
            _flush(folder)
        return place.name

    def source(self, key: str, name: str) -> Path | BinaryIO:
        """name: of a file inside the folder. Raises FileNotFoundError."""
        path = self._place(key) / name
        if not path.is_file():
            raise FileNotFoundError(path.name)
        return path

    def drop(self, key: str) -> None:
        """Remove a file that no row names any more; one that is gone already is fine."""
        shutil.rmtree(self._place(key), ignore_errors=True)

    def drop_drafts(self, older_than_seconds: float) -> int:
        """Remove what was begun and never kept. Returns how many."""
        drafts = _children(self.root / INCOMING)
        stale = [path for path in drafts if _age(path) > older_than_seconds]
        for path in stale:
            shutil.rmtree(path, ignore_errors=True)
        return len(stale)

    def kept(self, older_than_seconds: float) -> Iterator[list[str]]:
        """The keys of the files in place and older than that, some at a time."""
        for shelf in _children(self.root):
            if shelf.name != INCOMING:
                keys = [one.name for one in _children(shelf) if _age(one) > older_than_seconds]
                if keys:
                    yield keys

    def _place(self, key: str) -> Path:
        return self.root / key[:2] / checked(key)

    @staticmethod
    def _make(folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def is_key(name: str) -> bool:
    """Whether a folder of that name can be ours; others may lie beside ours in a bucket."""
    return _KEY.fullmatch(name) is not None


def checked(key: str) -> str:
    """Raises ValueError for what cannot be a key, such as a path out of the folder."""
    if len(key) != KEY_SIGNS or not key.isalnum():
        raise ValueError("not a key")
    return key


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _age(path: Path) -> float:
    """Seconds since it last changed; nothing for one that just went away."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
