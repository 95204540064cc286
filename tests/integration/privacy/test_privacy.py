"""Export and erasure of one person, over everything the service keeps about them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert, text

from bridge.integrations.files.place import file_store
from crm.core import audit
from crm.core.db import Base
from crm.core.errors import Conflict, NotFound
from crm.core.events import SYSTEM, Actor
from crm.customers import service as customers
from crm.customers.models import Customer
from crm.files import receiving
from crm.files import service as files
from crm.privacy import erasing, exporting
from crm.repairs import service as repairs
from crm.repairs.service import Address
from tests.service import ENVIRON, Service
from tests.unit.crm.files import samples

ROOT = Path(__file__).parents[3]
OPERATOR = Actor("staff", "command line")
# What only this person has.
MARKS = ("ilse@example.org", "+447700900123", "Ilse Brandt", "Quay Street 9")


@pytest.fixture
def ilse(mendline: Service) -> str:
    """A customer with a thread, a repair told of, a picture and a note of their own words."""
    number = mendline.open_thread(
        "I am Ilse Brandt, Quay Street 9", email="ilse@example.org", phone_number="+447700900123"
    )
    key = mendline.shop_key()
    mendline.report(key, "repair.created", external_id="A-1", conversation_id=number, device="Phone",
                    problem="Ilse Brandt dropped it")  # fmt: skip
    mendline.report(key, "repair.note_added", external_id="A-1", internal_note="Ilse Brandt called")
    mendline.settle()
    store = file_store(mendline.parts.settings)
    with receiving.receiving(store) as taken:
        draft = taken.take(io.BytesIO(samples.photo()), "Ilse Brandt.jpg")
        with mendline.units() as uow:
            owner = files.Owner(repair_id=mendline.one("SELECT id FROM repairs"))
            files.add(
                uow, store, owner, [draft], files.Filing("link", Actor("customer", "Ilse Brandt"))
            )
    return mendline.one("SELECT ref FROM customers")


def finish(mendline: Service) -> None:
    with mendline.units() as uow:
        uow.session.execute(text("UPDATE repairs SET status = 'delivered'"))


def traces(mendline: Service) -> list[tuple[str, str]]:
    """Where something still names the person. Binary columns are read as text."""
    found = []
    with mendline.units() as uow:
        for table in Base.metadata.sorted_tables:
            for row in uow.session.execute(table.select()):
                words = " ".join(
                    v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in row
                )
                found += [(table.name, mark) for mark in MARKS if mark in words]
    return found


def erase(mendline: Service, ref: str) -> erasing.Erased:
    with mendline.units() as uow:
        done = erasing.erase(uow, ref, OPERATOR)
    for key in done.file_keys:
        file_store(mendline.parts.settings).drop(key)
    return done


def test_the_export_holds_everything(mendline: Service, ilse: str):
    with mendline.units() as uow:
        data, kept = exporting.collect(uow, ilse, OPERATOR)
    target = io.BytesIO()
    exporting.write_zip(target, data, kept, file_store(mendline.parts.settings))
    with zipfile.ZipFile(target) as archive:
        (picture,) = [name for name in archive.namelist() if name.startswith("files/")]
        assert archive.read(picture).startswith(b"\xff\xd8")
        tables = json.loads(archive.read("data.json"))["tables"]
    expected = {"customers", "customer_keys", "tickets", "ticket_messages", "conversations", "repairs",
                "repair_history", "files", "notifications", "events"}  # fmt: skip
    assert expected <= tables.keys()
    assert tables["ticket_messages"][0]["body"] == "I am Ilse Brandt, Quay Street 9"
    assert "sealed_body" not in tables["notifications"][0]
    assert mendline.one("SELECT action FROM audit ORDER BY id DESC LIMIT 1") == "customer.export"


def test_nobody_elses_rows_are_exported_or_erased(mendline: Service, ilse: str):
    other = mendline.open_thread("It is Noor", name="Noor Haddad", email="noor@example.org")
    mendline.report(
        mendline.shop_key("second"), "repair.created", external_id="B-1", conversation_id=other
    )
    mendline.settle()
    with mendline.units() as uow:
        data, _ = exporting.collect(uow, ilse, OPERATOR)
    assert "noor" not in json.dumps(data, default=str).lower()
    finish(mendline)
    erase(mendline, ilse)
    mendline.settle()
    assert mendline.column("SELECT name FROM customers") == ["Noor Haddad"]
    assert mendline.count("ticket_messages", "body = 'It is Noor'") == 1
    assert mendline.told(other)


def test_after_erasure_nothing_names_the_person(mendline: Service, ilse: str):
    finish(mendline)
    assert {table for table, _ in traces(mendline)} > {
        "customers",
        "inbox",
        "ticket_messages",
        "files",
    }
    done = erase(mendline, ilse)
    mendline.settle()
    assert traces(mendline) == []
    (key,) = done.file_keys
    with pytest.raises(FileNotFoundError):
        file_store(mendline.parts.settings).source(key, "full.jpg")
    ((customer, problem, device),) = mendline.table(
        "SELECT customer_id, problem, device FROM repairs"
    )
    assert (customer, problem, device) == (None, "", "Phone")
    assert mendline.unfinished() == []
    with mendline.units() as uow:
        assert audit.verify(uow)[1] is None
        with pytest.raises(NotFound):
            customers.by_ref(uow, ilse)


def test_a_repairs_history_keeps_figures_and_no_forms(mendline: Service, ilse: str):
    finish(mendline)
    with mendline.units() as uow:
        (ref,) = uow.connection.exec_driver_sql("SELECT ref FROM repairs").scalars()
        for outcome, details in (
            ("note", {"form": "f00d", "via": "page"}),
            ("flags", {"before": [], "after": ["on_hold"]}),
        ):
            address = Address(ref=ref)
            repairs.note(uow, address, OPERATOR, outcome=outcome, details=details)
    erase(mendline, ilse)
    kept = dict(
        map(tuple, mendline.table("SELECT outcome, details FROM repair_history ORDER BY id"))
    )
    assert kept["note"] == {}
    assert kept["flags"] == {"before": [], "after": ["on_hold"]}


def test_chatwoot_forgets_the_contact_and_reconcile_brings_nobody_back(
    mendline: Service, ilse: str
):
    finish(mendline)
    mendline.play("PUT", "/faults", api_status_next=[{"status": 422, "count": 1}])
    erase(mendline, ilse)
    mendline.settle()
    assert mendline.table("SELECT kind, state FROM outbox WHERE state = 'pending'") == [
        ("chatwoot.forget", "pending")
    ], "they are online: it is asked again"
    number = mendline.play("GET", "/conversations")["conversations"][0]["id"]
    contact = mendline.play("GET", "/customers")["customers"][0]["id"]
    mendline.writes(contact, "Ilse Brandt again")
    mendline.reconcile()
    mendline.settle()
    assert mendline.count("customers") == mendline.count("conversations") == 0
    assert traces(mendline) == []
    mendline.hasten()
    mendline.settle()
    assert mendline.play("GET", "/state")["counts"]["contacts"] == 0
    assert number and mendline.unfinished() == []


def test_who_comes_back_is_a_new_customer(mendline: Service, ilse: str):
    finish(mendline)
    erase(mendline, ilse)
    mendline.settle()
    mendline.open_thread("Hello again", email="ilse@example.org")
    assert mendline.one("SELECT email FROM customers") == "ilse@example.org"


def test_what_is_not_finished_stands_in_the_way(mendline: Service, ilse: str):
    with pytest.raises(Conflict) as refused:
        erase(mendline, ilse)
    assert refused.value.code == "repairs-open"
    assert mendline.count("customers") == 1
    with pytest.raises(NotFound), mendline.units() as uow:
        erasing.erase(uow, "CUS-0000-XXXXX", SYSTEM)


def test_the_verbs(mendline: Service, ilse: str, db: str, tmp_path: Path):
    finish(mendline)
    settings = mendline.parts.settings
    env = ENVIRON | {
        "DATABASE_URL": db,
        "STATE_DIR": str(settings.state_dir),
        "PATH": "/usr/bin:/bin",
    }

    def run(*verb: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "app.py", "customer", *verb, "--json"]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)

    out = tmp_path / "ilse.zip"
    exported = run("export", ilse, "--out", str(out))
    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout)["files"] == 1 and zipfile.is_zipfile(out)
    assert out.stat().st_mode & 0o077 == 0
    assert run("export", ilse, "--out", str(out)).returncode == 1, "nothing is overwritten"
    assert run("erase", ilse).returncode == 1 and mendline.count("customers") == 1
    erased = run("erase", ilse, "--yes")
    assert erased.returncode == 0, erased.stderr
    assert json.loads(erased.stdout)["kept"] and mendline.count("customers") == 0
    assert run("erase", "--again").returncode == 1
    assert json.loads(run("erase", "--again", "--yes").stdout) == []
    with mendline.units() as uow:  # as after a restore
        uow.session.add(
            Customer(ref=ilse, name="Ilse Brandt", created_at=uow.now, updated_at=uow.now)
        )
    again = json.loads(run("erase", "--again", "--yes").stdout)
    assert [one["ref"] for one in again] == [ilse] and mendline.count("customers") == 0


def test_a_key_of_several_columns_finds_no_strangers_rows(mendline: Service, ilse: str):
    """Checklist items refer to a repair and a stage together; stages are the same for everybody."""
    mendline.report(mendline.shop_key("second"), "repair.created", external_id="B-1")
    mendline.settle()
    items = Base.metadata.tables["checklist_items"]
    lists = Base.metadata.tables["checklists"]
    with mendline.units() as uow:
        for number in mendline.column("SELECT id FROM repairs"):
            for table in (lists, items):
                uow.session.execute(insert(table).values(filled(table, repair_id=number)))
        data, _ = exporting.collect(uow, ilse, OPERATOR)
    assert len(data["tables"]["checklist_items"]) == 1
    finish(mendline)
    erase(mendline, ilse)
    assert mendline.count("checklist_items") == 1


def filled(table: Table, **known: Any) -> dict[str, Any]:
    """A row with something in every column that needs it."""
    values: dict[str, Any] = {}
    for column in table.columns:
        if column.name in known:
            values[column.name] = known[column.name]
        elif not column.nullable and column.server_default is None and column.identity is None:
            plain = {"TEXT": "x", "BOOLEAN": False, "JSONB": []}
            kind = str(column.type)
            values[column.name] = plain.get(
                kind, datetime.now(UTC) if "TIME" in kind or "DATE" in kind else 1
            )
    return values
