"""Keeps files in a bucket of S3 or of a service that speaks its protocol, by setting FILES_URL.

The order is the same as on disk: all sizes of a file are in the bucket before its row is committed,
and what has no row is swept away. Drafts stay on this machine's disk.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bridge.settings import FilesSettings
from crm.core.errors import Temporary
from crm.core.uow import refuse_inside_unit
from crm.files.store import Store, checked, is_key

CONNECT_SECONDS = 3.0
_GONE = ("NoSuchKey", "404")


class S3Store(Store):
    """root: where drafts are made. seconds: the most one call may wait for an answer.

    Every method but `draft` and `keep` raises Temporary when the bucket cannot be used.
    """

    def __init__(self, root: Path, told: FilesSettings, seconds: float):
        super().__init__(root)
        self._bucket = told.bucket
        self._prefix = f"{told.prefix}/" if told.prefix else ""
        self._client = boto3.client(
            "s3",
            endpoint_url=told.endpoint,
            region_name=told.region,
            aws_access_key_id=told.access_key_id,
            aws_secret_access_key=told.secret_access_key,
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=seconds,
                retries={"total_max_attempts": 2, "mode": "standard"},
                # Services beside Amazon's do not know the newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def ready(self, draft: Path) -> None:
        folder = self._folder(draft.name)
        with _calling():
            for path in sorted(draft.iterdir()):
                with path.open("rb") as content:
                    self._client.put_object(
                        Bucket=self._bucket, Key=folder + path.name, Body=content
                    )

    def keep(self, draft: Path) -> str:
        """The bytes are in their place already (`ready`): a unit is open now."""
        shutil.rmtree(draft)
        return draft.name

    def source(self, key: str, name: str) -> BinaryIO:
        with _calling():
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=self._folder(key) + name)
            except ClientError as error:
                if error.response["Error"]["Code"] in _GONE:
                    raise FileNotFoundError(name) from error
                raise
        return cast(BinaryIO, found["Body"])

    def drop(self, key: str) -> None:
        with _calling():
            for one in self._listed(self._folder(key)):
                self._client.delete_object(Bucket=self._bucket, Key=one["Key"])

    def kept(self, older_than_seconds: float) -> Iterator[list[str]]:
        before = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        keys: set[str] = set()
        with _calling():
            for one in self._listed(self._prefix):
                folder, _, name = one["Key"].removeprefix(self._prefix).rpartition("/")
                if name and is_key(folder) and one["LastModified"] < before:
                    keys.add(folder)
        ordered = sorted(keys)
        for start in range(0, len(ordered), 1000):
            yield ordered[start : start + 1000]

    def _listed(self, prefix: str) -> Iterator[dict]:
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
            yield from page.get("Contents", ())

    def _folder(self, key: str) -> str:
        return f"{self._prefix}{checked(key)}/"


@contextmanager
def _calling() -> Iterator[None]:
    refuse_inside_unit()
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        kind = type(error).__name__
        if isinstance(error, ClientError):
            kind = error.response["Error"].get("Code", kind)
        raise Temporary(f"the file store did not do it ({kind})") from error
