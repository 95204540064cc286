"""Bytes from strangers become drafts, or are refused with a clear word and leave nothing."""

import io
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from crm.files import rules
from crm.files.receiving import PROGRAM, Draft, Unfit, receiving
from crm.files.store import Store
from tests.unit.crm.files import samples

JS = b"/*\xff\xd8*/alert(1)//"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "files")


def files_of(store: Store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def kept(store: Store, content: bytes, name: str = "a.jpg") -> tuple[Draft, Path]:
    with receiving(store) as taken:
        draft = taken.take(io.BytesIO(content), name)
        key = store.keep(draft.folder)
    return draft, store.source(key, "full.jpg").parent


def test_a_photo_is_written_anew_in_three_sizes(store):
    draft, folder = kept(store, samples.photo(2000, 1000), "IMG.HEIC")
    assert sorted(os.listdir(folder)) == ["full.jpg", "medium.jpg", "small.jpg"]
    sizes = {path.stem: Image.open(path).size for path in folder.iterdir()}
    assert sizes == {"full": (2000, 1000), "medium": (1280, 640), "small": (320, 160)}
    assert (draft.width, draft.height) == (2000, 1000)
    assert draft.size_bytes == (folder / "full.jpg").stat().st_size
    assert oct(folder.stat().st_mode)[-3:] == "700"


def test_it_stands_upright_and_says_nothing_of_its_place(store):
    draft, folder = kept(store, samples.photo(60, 40, turned=6))
    assert (draft.width, draft.height) == (40, 60)
    for path in folder.iterdir():
        image = Image.open(path)
        assert not image.getexif() and "icc_profile" not in image.info and "xmp" not in image.info
        assert b"Exif" not in path.read_bytes()
    red, _, blue = Image.open(folder / "full.jpg").getpixel((35, 30))
    assert red > 200 and blue < 60, "the top of the turned picture lies on the right"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "MPO", "HEIF"])
def test_other_kinds_become_jpeg(store, kind):
    pillow_heif.register_heif_opener()
    options = {"save_all": True, "append_images": [Image.new("RGB", (60, 40))]}
    image = Image.new("RGB", (64, 48), "red")
    content = samples.encoded(image, kind, **(options if kind == "MPO" else {}))
    draft, folder = kept(store, content)
    assert (draft.content_type, draft.width, draft.height) == ("image/jpeg", 64, 48)
    assert Image.open(folder / "full.jpg").format == "JPEG"


def test_clear_parts_become_white(store):
    _, folder = kept(store, samples.encoded(Image.new("RGBA", (20, 20), (0, 0, 0, 0)), "PNG"))
    assert Image.open(folder / "full.jpg").getpixel((10, 10)) == (255, 255, 255)


def test_what_hides_in_a_picture_is_left_behind(store):
    picture = samples.encoded(Image.new("RGB", (20, 20)), "JPEG", comment=JS)
    _, folder = kept(store, picture + samples.HTML)
    for path in folder.iterdir():
        assert b"alert" not in path.read_bytes() and b"<script" not in path.read_bytes()


def test_a_pdf_is_kept_as_it_is(store):
    with receiving(store) as taken:
        draft = taken.take(io.BytesIO(samples.PDF), "bill.exe")
        key = store.keep(draft.folder)
    assert store.source(key, "full.pdf").read_bytes() == samples.PDF
    assert draft.name == "bill.pdf"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff" + b"\0" * (rules.MOST_BYTES - 2), "too-large"),
        (samples.HTML, "wrong-type"),
        (samples.SVG, "wrong-type"),
        (samples.GIF_JS, "wrong-type"),
        (samples.encoded(Image.new("P", (4, 4)), "GIF", save_all=True,
                         append_images=[Image.new("P", (4, 4), n % 9) for n in range(500)]),
         "wrong-type"),
        (samples.PDF + b"PK\x05\x06" + b"\0" * 18, "not-plain-pdf"),
        (b"\xff\xd8\xff" + samples.HTML, "unreadable"),
        (samples.photo(600, 400)[:-200], "unreadable"),
        (samples.png(50_000, 50_000), "too-many-pixels"),
        (samples.bomb(), "too-many-pixels"),
        (samples.png(4, 4, frames=10_000), "moving"),
    ],
    ids=["zero bytes", "a byte too many", "html", "svg", "gif and script", "gif of 500 frames",
         "pdf and zip", "html behind a jpeg's head", "cut off", "50,000 x 50,000", "bomb",
         "10,000 frames"],
)  # fmt: skip
def test_refused_early_and_nothing_stays(store, content, code):
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    with pytest.raises(Unfit) as refused, receiving(store) as taken:
        taken.take(io.BytesIO(content), "holiday.jpg")
    assert refused.value.code == code
    assert time.monotonic() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used < 40_000, "kB here"
    assert files_of(store) == [] and list((store.root / "incoming").iterdir()) == []


# Asked of a small process, because a program inherits the peak of whoever started it.
PEAK = """
import resource, subprocess, sys
print(subprocess.run([sys.executable, "-I", *sys.argv[1:]], capture_output=True).stdout.decode())
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (samples.bomb(), "too-many-pixels"),
        (samples.png(50_000, 50_000), "too-many-pixels"),
        (samples.png(4, 4, frames=10_000), "moving"),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, content, code):
    source = tmp_path / "sent"
    source.write_bytes(content)
    command = [sys.executable, "-I", "-c", PEAK, str(PROGRAM), str(source), str(tmp_path)]
    said, peak_kb = subprocess.run(command, capture_output=True, check=True).stdout.split(b"\n\n")
    assert json.loads(said) == {"refused": code}
    assert int(peak_kb) < 60_000


def test_the_largest_file_is_taken(store):
    padding = b"\0" * (rules.MOST_BYTES - len(samples.photo()))
    draft, _ = kept(store, samples.photo() + padding)
    assert draft.width == 60


def test_of_several_the_good_ones_go_with_the_bad_one(store):
    with pytest.raises(Unfit), receiving(store) as taken:
        taken.take(io.BytesIO(samples.photo()), "good.jpg")
        taken.take(io.BytesIO(samples.HTML), "bad.jpg")
    assert files_of(store) == []


def test_a_cut_connection_leaves_nothing(store):
    class Cut(io.BytesIO):
        def read(self, size: int = -1) -> bytes:
            if self.tell() > 100:
                raise ConnectionResetError
            return super().read(101)

    with pytest.raises(ConnectionResetError), receiving(store) as taken:
        taken.take(Cut(samples.photo(600, 400)), "a.jpg")
    assert files_of(store) == []


def test_decoders_see_nothing_of_ours(store, monkeypatch, tmp_path):
    """The program runs with an empty environment; a secret of ours is not in it."""
    monkeypatch.setenv("SECRET_KEY", "k3y")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "PIL.py").write_text("raise SystemExit('taken from outside')")
    assert kept(store, samples.photo())[0].width == 60


def test_only_keys_open_places(store):
    for key in ("../../../../../../etc/passwd00000", "..", "", "a/" * 16):
        with pytest.raises(ValueError, match="not a key"):
            store.source(key, "full.jpg")
