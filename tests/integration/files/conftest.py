"""The files of the joined service, in a directory of its own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from crm.files.store import Store
from tests import builders
from tests.service import Service


@pytest.fixture
def store(mendline: Service) -> Store:
    """The service's own, with the files of earlier tests swept away."""
    store = Store(mendline.parts.settings.state_dir.resolve() / "files")
    for keys in store.kept(-1):
        for key in keys:
            store.drop(key)
    return store


@pytest.fixture
def repair(mendline: Service, store: Store) -> str:
    """The reference of a repair without files."""
    with mendline.units() as uow:
        return builders.repair(uow).ref


def sent(*files: bytes | tuple[bytes, str], **fields: str) -> dict[str, Any]:
    """A multipart form as the test client takes it."""
    named = [one if isinstance(one, tuple) else (one, f"photo-{n}.jpg")
             for n, one in enumerate(files)]  # fmt: skip
    return {
        "data": {"files": [(io.BytesIO(content), name) for content, name in named], **fields},
        "content_type": "multipart/form-data",
    }


def stored(store: Store) -> list[Path]:
    """Every file on disk, drafts included."""
    return sorted(path for path in store.root.rglob("*") if path.is_file())
