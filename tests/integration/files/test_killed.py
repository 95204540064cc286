"""A process killed between the file in its place and the row: neither is ever seen alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from crm.files import service
from tests.integration.files.conftest import stored
from tests.unit.crm.files import samples

ROOT = Path(__file__).parents[3]
# Ends like kill -9: nothing is cleaned up, no transaction is closed.
PROGRAM = """
import io, os, sys
from pathlib import Path
from crm.core.db import make_engine
from crm.core.events import SYSTEM
from crm.core.uow import Units
from crm.files import models, receiving, service
from crm.files.store import Store
import crm.repairs.models, crm.tickets.models, crm.customers.models

url, root, step = sys.argv[1:]
store = Store(Path(root))
with receiving.receiving(store) as taken:
    draft = taken.take(io.BytesIO(sys.stdin.buffer.read()), "a.jpg")
    if step == "drafted":
        os._exit(9)
    with Units(make_engine(url))() as uow:
        owner, filing = service.Owner(repair_id=1), service.Filing("api", SYSTEM)
        service.add(uow, store, owner, [draft], filing)
        if step == "kept":
            os._exit(9)
    os._exit(9)
"""


@pytest.mark.parametrize(("step", "rows"), [("drafted", 0), ("kept", 0), ("committed", 1)])
def test_no_row_without_file_and_no_file_without_row(mendline, db, repair, store, step, rows):
    command = [sys.executable, "-c", PROGRAM, db, str(store.root), step]
    killed = subprocess.run(command, input=samples.photo(), cwd=ROOT, capture_output=True)
    assert killed.returncode == 9, killed.stderr.decode()[-500:]
    assert mendline.count("files") == rows
    assert len(stored(store)) == 3, "the file is there before its row"
    service.sweep(mendline.units, store, older_than_seconds=-1)
    assert len(stored(store)) == 3 * rows
    for key in mendline.column("SELECT key FROM files"):
        assert store.source(key, "full.jpg").stat().st_size > 0
