"""The joined service, its files in a directory of its own, and callers of every role."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from crm.core.events import SYSTEM
from crm.files.store import Store
from crm.staff import service as staff
from tests import builders
from tests.service import Service, running

Call = Callable[..., TestResponse]


@pytest.fixture(scope="session")
def _service(database_url: str) -> Iterator[Service]:
    with running(database_url) as service:
        service.subscribe()
        yield service


@pytest.fixture
def mendline(_service: Service, db: str) -> Service:
    return _service.emptied()


@pytest.fixture
def store(mendline: Service) -> Store:
    """The service's own, with the files of earlier tests swept away."""
    store = Store(mendline.parts.settings.state_dir.resolve() / "files")
    for keys in store.kept(-1):
        for key in keys:
            store.drop(key)
    return store


@pytest.fixture
def role(mendline: Service) -> Callable[[str], Call]:
    """A caller with a fresh key of that role; its `key_id` is the key's."""

    def make(name: str) -> Call:
        with mendline.units() as uow:
            key = staff.create_key(uow, mendline.parts.seal, SYSTEM, name=f"a {name}", role=name)

        def call(method: str, path: str, headers: dict | None = None, **kwargs: Any):
            headers = {"Authorization": f"Bearer {key.key}", **(headers or {})}
            return mendline.http.open(f"/api/v1{path}", method=method, headers=headers, **kwargs)

        call.key_id = key.id
        return call

    return make


@pytest.fixture
def desk(role: Callable[[str], Call]) -> Call:
    return role("desk")


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
