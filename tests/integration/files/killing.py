"""A program that takes in a picture and ends like kill -9: nothing is cleaned up, no transaction
is closed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.unit.crm.files import samples

ROOT = Path(__file__).parents[3]
STEPS = (("drafted", 0), ("kept", 0), ("committed", 1))  # and the rows there are then
_PROGRAM = """
import io, os, sys
from pathlib import Path
from crm.core.db import make_engine
from crm.core.events import SYSTEM
from crm.core.uow import Units
from crm.files import models, receiving, service
import crm.repairs.models, crm.tickets.models, crm.customers.models
{imports}

url, root, step = sys.argv[1:]
store = {store}
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


def kill_after(step: str, database_url: str, root: Path, *, imports: str, store: str) -> None:
    """store: an expression of Python for the store below `root`. imports: what it needs."""
    program = _PROGRAM.format(imports=imports, store=store)
    killed = subprocess.run(
        [sys.executable, "-c", program, database_url, str(root), step],
        input=samples.photo(),
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == 9, killed.stderr.decode()[-500:]
