"""Files as phones, customers and attackers send them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"
GIF_JS = b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)//"
GPS, ORIENTATION = 0x8825, 0x0112


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo(width: int = 60, height: int = 40, *, turned: int = 1, kind: str = "JPEG") -> bytes:
    """Red above, blue below, with a place in its EXIF. turned: EXIF orientation."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (0, height // 2, width, height))
    exif = Image.Exif()
    exif[ORIENTATION] = turned
    exif[GPS] = {1: "N", 2: (41.0, 9.0, 0.0)}
    return encoded(image, kind, exif=exif)


def distinct(number: int) -> bytes:
    """A small photo unlike those of other numbers."""
    return encoded(Image.new("RGB", (16, 16), (number, 10, 10)), "PNG")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *, frames: int = 1) -> bytes:
    """A PNG of that size in grey; its data is there for small ones only."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (width + 1) * min(height, 100))
    moving = chunk(b"acTL", struct.pack(">II", frames, 0)) if frames > 1 else b""
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + moving
        + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )  # fmt: skip


def bomb() -> bytes:
    """81 million pixels in under 100 kB, complete and valid."""
    return encoded(Image.new("L", (9000, 9000)), "PNG")
