"""Writes a sent picture anew: upright, as JPEG in sRGB, in three sizes, without any hidden data.

A program of its own: `python pictures.py <source> <folder>`. Decoders of pictures are where files
from strangers do harm, and they hold a processor for seconds; here they can take neither the
service's memory, nor its secrets, nor its time. It prints one line of JSON: `{"width", "height"}`
with `full.jpg`, `medium.jpg` and `small.jpg` in the folder, or `{"refused": code}`.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import warnings
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

MOST_PIXELS = 40_000_000
MOST_MEMORY_BYTES = 800 * 1024 * 1024
MOST_CPU_SECONDS = 20
SIDES = {"medium": 1280, "small": 320}
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
# Phones put depth maps and bursts behind the picture. A moving PNG or WebP is no photo.
MOST_FRAMES = {"JPEG": 100, "MPO": 100, "HEIF": 100}
MOST_PROFILE_BYTES = 1024 * 1024
HEIF_HEAD = b"ftyp"


class Refused(Exception):
    """args: a code of `receiving.REFUSALS`."""


def rewrite(source: Path, folder: Path) -> dict[str, int]:
    """Raises Refused."""
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with _opened(source) as image:
            return _write(_upright(image), folder)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise Refused("too-many-pixels") from error
    except (OSError, SyntaxError, ValueError, MemoryError) as error:
        raise Refused("unreadable") from error


def _opened(source: Path) -> Image.Image:
    with source.open("rb") as file:
        is_heif = file.read(8)[4:] == HEIF_HEAD
    if is_heif:
        import pillow_heif  # noqa: PLC0415 - its libraries are large, and few pictures need them

        pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    image = Image.open(source, formats=["HEIF"] if is_heif else FORMATS[:3])
    if getattr(image, "n_frames", 1) > MOST_FRAMES.get(image.format or "", 1):
        image.close()
        raise Refused("moving")
    return image


def _upright(image: Image.Image) -> Image.Image:
    """The pixels alone, turned as the camera was held, in the colours every screen knows."""
    profile = image.info.get("icc_profile")
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.new("RGB", clear.size, "white")
        image.paste(clear, mask=clear)
    elif image.mode != "RGB":
        image = image.convert("RGB")
    elif profile and len(profile) <= MOST_PROFILE_BYTES:
        _to_srgb(image, profile)
    image.info = {}
    return image


def _to_srgb(image: Image.Image, profile: bytes) -> None:
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), inPlace=True)
    except (ImageCms.PyCMSError, OSError):
        return  # A broken profile says nothing; the pixels are taken as sRGB.


def _write(image: Image.Image, folder: Path) -> dict[str, int]:
    width, height = image.size
    image.save(folder / "full.jpg", "JPEG", quality=88)
    for name, side in SIDES.items():
        image.thumbnail((side, side), reducing_gap=2.0)
        image.save(folder / f"{name}.jpg", "JPEG", quality=80)
    return {"width": width, "height": height}


def main(source: str, folder: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_SECONDS, MOST_CPU_SECONDS))
    os.nice(5)
    try:
        answer: dict[str, object] = dict(rewrite(Path(source), Path(folder)))
    except Refused as refusal:
        answer = {"refused": refusal.args[0]}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
