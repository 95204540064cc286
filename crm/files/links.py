"""Signed, expiring links: one that takes files for a repair, one that gives a file out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import segno
from itsdangerous import BadSignature, URLSafeSerializer

from crm.core.errors import NotFound
from crm.files.rules import Size

LIFE = timedelta(hours=72)


@dataclass(frozen=True)
class Upload:
    """What an upload link opens. id: tells links apart, so that uploads are counted for each."""

    repair_id: int
    id: str


@dataclass(frozen=True)
class Download:
    """is_public: the link stands on the tracking page and ends when the file is taken back."""

    key: str
    size: Size
    is_public: bool


class FileLinks:
    """keys: newest first; all are accepted, the first signs."""

    def __init__(self, public_url: str, keys: tuple[str, ...]):
        self._base = f"{public_url.rstrip('/')}/files"
        # itsdangerous signs with the last key of a list.
        self._upload = URLSafeSerializer(list(reversed(keys)), salt="files.upload")
        self._download = URLSafeSerializer(list(reversed(keys)), salt="files.download")

    def upload(self, repair_id: int, link_id: str, now: datetime) -> str:
        return f"{self._base}/{self._upload.dumps([repair_id, link_id, _end(now)])}"

    def read_upload(self, token: str, now: datetime) -> Upload:
        """Raises NotFound: `no-such-link` (forged, damaged), `link-expired`."""
        repair_id, link_id = _opened(self._upload, token, now)
        return Upload(repair_id, link_id)

    def download(self, key: str, size: Size, now: datetime, *, is_public: bool = False) -> str:
        token = self._download.dumps([key, str(size), is_public, _end(now)])
        return f"{self._base}/get/{token}"

    def read_download(self, token: str, now: datetime) -> Download:
        """Raises NotFound, as `read_upload`."""
        key, size, is_public = _opened(self._download, token, now)
        return Download(key, Size(size), is_public)


def qr_code(url: str) -> str:
    """The address as a QR code: an SVG picture in a `data:` address, for an `<img>`."""
    return segno.make(url, error="m", micro=False).svg_data_uri(scale=4, light="#fff")


def _end(now: datetime) -> int:
    return int((now + LIFE).timestamp())


def _opened(serializer: URLSafeSerializer, token: str, now: datetime) -> list:
    try:
        *parts, end = serializer.loads(token)
    except BadSignature as error:
        raise NotFound("this link opens nothing", code="no-such-link") from error
    if now.timestamp() >= end:
        raise NotFound("this link has expired; ask for a new one", code="link-expired")
    return parts
