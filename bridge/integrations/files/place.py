"""Where files are kept: on this machine's disk, or in a bucket when FILES_URL names one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from bridge.settings import FilesSettings, Settings
from crm.files.store import Store

FOLDER = "files"


def file_store(settings: Settings) -> Store:
    """One store a process for the same settings."""
    root = settings.state_dir.resolve() / FOLDER
    if settings.files is None:
        return Store(root)
    return _bucket(root, settings.files, settings.periods.outgoing_timeout_seconds)


@cache
def _bucket(root: Path, told: FilesSettings, seconds: float) -> Store:
    # The library takes some 30 MB; who keeps files on disk does without it.
    from bridge.integrations.files.s3 import S3Store  # noqa: PLC0415

    return S3Store(root, told, seconds)
