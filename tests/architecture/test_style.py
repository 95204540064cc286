"""What `make lint` asks of every file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("verb", [("check",), ("format", "--check")], ids=["rules", "format"])
def test_every_file_is_as_the_linter_has_it(verb):
    command = [sys.executable, "-m", "ruff", *verb, "--no-cache", "."]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
