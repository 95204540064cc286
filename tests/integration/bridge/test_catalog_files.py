"""Seeding and CSV on a real database: edits outlive updates, a broken file changes nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select

from crm.catalog import loading, service
from crm.catalog.kinds import CATEGORIES, KINDS, MODELS, REPAIR_TYPES
from crm.catalog.models import Category, DeviceModel, RuleSet
from crm.catalog.sheets import Row
from crm.core.errors import Invalid
from crm.core.events import SYSTEM

ROOT = Path(__file__).parents[3]
NOTHING = {"added": 0, "updated": 0, "kept": 0, "retired": 0}


@pytest.fixture
def seeded(units):
    with units() as uow:
        return service.seed(uow)


def model(uow, slug: str) -> DeviceModel:
    return uow.session.scalars(select(DeviceModel).where(DeviceModel.slug == slug)).one()


def test_seeding_twice_changes_nothing(seeded, units):
    assert seeded["models"]["added"] >= 500
    with units() as uow:
        assert service.seed(uow) == {
            **{name: NOTHING for name in KINDS}, "estimate-rules": {"added": 0}
        }  # fmt: skip


def test_an_update_follows_the_product_and_spares_the_shop(seeded, units):
    with units() as uow:
        service.edit_model(uow, SYSTEM, "apple-iphone-8", {"difficulty": "hard"})
        service.edit_model(uow, SYSTEM, "apple-iphone-7", {"difficulty": "hard"})
    rows = [
        Row(one.line, {**one.values, "year": one.values["year"] - 1})
        for one in service.shipped(MODELS)
        if one.values["slug"] not in ("apple-iphone-7", "apple-iphone-11")
    ]
    with units() as uow:
        counts = loading.ship(uow, MODELS, rows)
        assert counts == {"added": 0, "updated": len(rows) - 1, "kept": 1, "retired": 1}
        assert model(uow, "apple-iphone-8").year == 2017
        assert model(uow, "apple-iphone-12").year == 2019
        assert model(uow, "apple-iphone-7").retired_at is None
        assert model(uow, "apple-iphone-11").retired_at is not None
    with units() as uow:
        assert service.seed(uow)["models"]["updated"] == len(rows)
        assert model(uow, "apple-iphone-11").retired_at is None


def test_new_shipped_rules_are_a_new_version(seeded, units):
    with units() as uow:
        uow.session.scalars(select(RuleSet)).one().shipped_hash = "of an earlier release"
    with units() as uow:
        assert service.seed(uow)["estimate-rules"] == {"added": 1}
        assert uow.session.scalar(select(func.max(RuleSet.version))) == 2


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_what_goes_out_comes_in_unchanged(seeded, units, kind):
    with units() as uow:
        sheet = service.export(uow, kind)
        counts = service.take_in(uow, SYSTEM, kind, sheet.encode())
    assert counts["added"] == counts["updated"] == 0 and counts["unchanged"] >= 35


def test_a_hostile_name_goes_out_as_text(seeded, units):
    with units() as uow:
        service.edit_model(uow, SYSTEM, "apple-iphone-8", {"name": "=HYPERLINK(A1)"})
        sheet = service.export(uow, MODELS)
    assert ",'=HYPERLINK(A1)," in sheet
    with units() as uow:
        assert service.take_in(uow, SYSTEM, MODELS, sheet.encode())["updated"] == 0
        assert model(uow, "apple-iphone-8").name == "=HYPERLINK(A1)"


def test_rows_come_in_change_and_retire(seeded, units):
    head = ",".join(column.name for column in MODELS.columns)
    sheet = (
        f"{head}\nacme-one,other-device,Acme,One,2020,X-1,easy,,screen=99.50,\n"
        "apple-iphone-8,iphone-8,Apple,iPhone 8,2017,A1905,easy,,,yes\n"
    )
    with units() as uow:
        counts = service.take_in(uow, SYSTEM, MODELS, sheet.encode())
        assert counts == {"added": 1, "updated": 1, "unchanged": 0}
        assert model(uow, "acme-one").prices == {"screen": 9950}
        assert model(uow, "apple-iphone-8").retired_at is not None
    with units() as uow:
        assert service.seed(uow)["models"] == {**NOTHING, "kept": 1}
        assert model(uow, "acme-one").retired_at is None


@pytest.mark.parametrize(
    ("kind", "row", "told"),
    [
        (MODELS, "acme,nowhere,Acme,One,2020,,easy,,,", "category"),
        (MODELS, "iphone-8,iphone-8,Acme,One,2020,,easy,,,", "slug"),
        (MODELS, "acme,iphone-8,Acme,One,2020,,easy,,wings=1.00,", "prices"),
        (CATEGORIES, "new,New,Other,other,2020,2019,,1,,", "year_to"),
        (CATEGORIES, "apple-iphone-8,New,Other,other,2019,2020,,1,,", "slug"),
        (REPAIR_TYPES, "nowhere,screen,Screen,1.00,GBP,1,easy,,", "category"),
    ],
)
def test_rows_that_do_not_fit_the_catalogue(seeded, units, kind, row, told):
    head = ",".join(column.name for column in kind.columns)
    with pytest.raises(Invalid) as refused, units() as uow:
        service.take_in(uow, SYSTEM, kind, f"{head}\n{row}\n".encode())
    assert refused.value.errors["line 2"][0].startswith(f"{told}:")


@pytest.fixture
def command(db, tmp_path):
    """Runs a verb on this test's database: (exit code, what it printed, its complaints)."""
    env = os.environ | {
        "DATABASE_URL": db,
        "STATE_DIR": str(tmp_path / "state"),
        "SECRET_KEY": "k3y-for-tests-that-is-long-enough-0123456789",
    }

    def run(*words: str):
        verb = [sys.executable, "app.py", *words]
        done = subprocess.run(
            verb, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_the_verbs(command, units, tmp_path):
    code, told, _ = command("seed")
    assert code == 0 and "models" in told
    file = tmp_path / "repair-types.csv"
    assert command("catalog", "export", "repair-types", str(file))[0] == 0
    sheet = file.read_text()
    file.write_text(sheet.replace("macbook,screen,Screen,299.99", "macbook,screen,Screen,310.00"))
    code, told, _ = command("catalog", "import", "repair-types", str(file), "--dry-run")
    assert code == 0 and told.startswith("would be: 0 added, 1 updated")
    assert command("catalog", "export", "repair-types")[1] == sheet
    assert command("catalog", "import", "repair-types", str(file))[0] == 0
    assert "macbook,screen,Screen,310.00" in command("catalog", "export", "repair-types")[1]
    assert command("catalog", "import", "models", str(tmp_path / "nothing.csv"))[0] == 1


def test_a_file_with_a_broken_line_changes_nothing(command, units, seeded, tmp_path):
    head = ",".join(column.name for column in MODELS.columns)
    lines = [head, *(f"acme-{n},other-device,Acme,M {n},2020,,easy,,," for n in range(2, 6001))]
    lines[4710] = "acme-4711,other-device,Acme,M 4711,2020,,impossible,,,"
    file = tmp_path / "models.csv"
    file.write_text("\n".join(lines))
    code, _, complaint = command("catalog", "import", "models", str(file))
    assert code == 1 and "line 4711: difficulty" in complaint
    with units() as uow:
        count = select(func.count()).select_from(DeviceModel).where(DeviceModel.brand == "Acme")
        assert uow.session.scalar(count) == 0


def test_nothing_is_deleted_that_something_names(seeded, units):
    with pytest.raises(Exception, match="fk_catalog_models_category"), units() as uow:
        uow.session.execute(delete(Category).where(Category.slug == "imac"))
