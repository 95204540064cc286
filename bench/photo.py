"""A 12-megapixel photo from a phone: stored with its thumbnails, how long and how much memory.

Measured from the bytes at hand to all three sizes durable in their place; the memory is that of the
program that decodes, and what the storing process grew by. Storing runs in a process of its own
(`python -m bench.photo FILE TIMES`), because a program inherits the peak of whoever started it.
"""

from __future__ import annotations

import io
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from statistics import median

from bench.figures import Figure
from crm.files.receiving import receiving
from crm.files.store import Store

WIDTH, HEIGHT = 4032, 3024
GRAIN = 8  # detail about as fine as a real photo's, so that the file is of a real size
ORIENTATION, HELD_UPRIGHT = 0x0112, 6
MOST_SECONDS, MOST_MEGABYTES = 2.0, 150.0


def run(*, times: int = 5) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="mendline-bench-") as folder:
        photo = Path(folder) / "IMG_0012.JPG"
        photo.write_bytes(_photo())
        command = [sys.executable, "-m", "bench.photo", str(photo), str(times)]
        told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        size = photo.stat().st_size / 1e6
    return [
        Figure("photo: stored, median", median(told["seconds"]), "s", at_most=MOST_SECONDS),
        Figure("photo: stored, slowest", max(told["seconds"]), "s", at_most=MOST_SECONDS),
        Figure("photo: peak memory", told["megabytes"], "MB", at_most=MOST_MEGABYTES),
        Figure("photo: size as sent", size, "MB"),
    ]


def _photo() -> bytes:
    from PIL import Image  # noqa: PLC0415 - only this bench needs it

    small = (WIDTH // GRAIN, HEIGHT // GRAIN)
    noise = Random(12).randbytes(small[0] * small[1] * 3)
    image = Image.frombytes("RGB", small, noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[ORIENTATION] = HELD_UPRIGHT
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


def _measured(photo: bytes, times: int) -> dict[str, object]:
    before = _own_peak()
    seconds = [_store(photo) for _ in range(times)]
    decoding = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"seconds": seconds, "megabytes": (decoding + _own_peak() - before) / 1000}


def _store(photo: bytes) -> float:
    with tempfile.TemporaryDirectory(prefix="mendline-bench-") as folder:
        store = Store(Path(folder) / "files")
        started = time.perf_counter()
        with receiving(store) as taken:
            store.keep(taken.take(io.BytesIO(photo), "IMG_0012.JPG").folder)
        return time.perf_counter() - started


def _own_peak() -> int:
    """The most resident memory of this process so far, in kB (proc_pid_status(5))."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


if __name__ == "__main__":
    print(json.dumps(_measured(Path(sys.argv[1]).read_bytes(), int(sys.argv[2]))))
