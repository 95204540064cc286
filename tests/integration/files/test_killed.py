"""A process killed between the file in its place and the row: neither is ever seen alone."""

import pytest

from crm.files import service
from tests.integration.files.conftest import stored
from tests.integration.files.killing import STEPS, kill_after


@pytest.mark.parametrize(("step", "rows"), STEPS)
def test_no_row_without_file_and_no_file_without_row(mendline, db, repair, store, step, rows):
    imports = "from crm.files.store import Store"
    kill_after(step, db, store.root, imports=imports, store="Store(Path(root))")
    assert mendline.count("files") == rows
    assert len(stored(store)) == 3, "the file is there before its row"
    service.sweep(mendline.units, store, older_than_seconds=-1)
    assert len(stored(store)) == 3 * rows
    for key in mendline.column("SELECT key FROM files"):
        assert store.source(key, "full.jpg").stat().st_size > 0
