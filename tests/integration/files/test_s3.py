"""Files in a bucket: the same promises as on disk. The bucket is a server of its own."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from bridge.cli import customers as customer_verbs
from bridge.integrations.files.s3 import S3Store
from bridge.settings import FilesSettings
from crm.core.errors import Temporary
from crm.core.events import SYSTEM
from crm.customers.models import Customer
from crm.files import receiving, service
from crm.staff import service as staff
from tests import builders
from tests.integration.files.conftest import sent
from tests.integration.files.killing import STEPS, kill_after
from tests.service import Service, running
from tests.unit.crm.files import samples

KEYS = {"aws_access_key_id": "AKID42", "aws_secret_access_key": "HIDDEN42"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    # A server of this machine's own: its address must not be looked for behind a proxy.
    os.environ.setdefault("NO_PROXY", "127.0.0.1")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str):
    """The bucket `quay-files`, empty."""
    there = boto3.resource("s3", endpoint_url=endpoint, region_name="us-east-1", **KEYS)
    made = there.create_bucket(Bucket="quay-files")
    made.objects.delete()
    return made


@pytest.fixture
def mendline(db: str, endpoint: str, bucket) -> Iterator[Service]:
    with running(
        db,
        FILES_URL=f"s3://quay-files/shop?endpoint={endpoint}",
        S3_ACCESS_KEY_ID="AKID42",
        S3_SECRET_ACCESS_KEY="HIDDEN42",
    ) as service:
        yield service


@pytest.fixture
def store(tmp_path: Path, endpoint: str, bucket) -> S3Store:
    told = FilesSettings("quay-files", "shop", endpoint, "us-east-1", "AKID42", "HIDDEN42")
    return S3Store(tmp_path / "files", told, 5.0)


def names(bucket) -> list[str]:
    return sorted(one.key for one in bucket.objects.all())


def test_uploaded_given_out_and_removed(mendline: Service, bucket):
    with mendline.units() as uow:
        ref = builders.repair(uow).ref
        key = staff.create_key(uow, mendline.parts.seal, SYSTEM, name="desk", role="desk").key
    by = {"headers": {"Authorization": f"Bearer {key}"}}
    answer = mendline.http.post(f"/api/v1/repairs/{ref}/files", **sent(samples.photo()), **by)
    assert answer.status_code == 201, answer.text
    (file,) = answer.json["data"]
    assert [name.rpartition("/")[0] for name in names(bucket)] == [f"shop/{file['id']}"] * 3
    got = mendline.http.get(f"/api/v1/files/{file['id']}/content", **by)
    assert got.status_code == 200 and got.data.startswith(b"\xff\xd8")
    assert len(got.data) == file["size_bytes"]
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert not list((mendline.parts.settings.state_dir / "files" / "incoming").iterdir())
    assert mendline.http.delete(f"/api/v1/files/{file['id']}", **by).status_code == 204
    assert names(bucket) == []


def test_a_bucket_that_is_away_leaves_no_row(mendline: Service, bucket):
    with mendline.units() as uow:
        ref = builders.repair(uow).ref
        key = staff.create_key(uow, mendline.parts.seal, SYSTEM, name="desk", role="desk").key
    bucket.delete()
    headers = {"Authorization": f"Bearer {key}"}
    answer = mendline.http.post(
        f"/api/v1/repairs/{ref}/files", **sent(samples.photo()), headers=headers
    )
    assert (answer.status_code, answer.json["code"]) == (502, "temporary")
    assert mendline.count("files") == 0


@pytest.mark.parametrize(("step", "rows"), STEPS)
def test_killed_between(mendline, db, endpoint, store, bucket, step: str, rows: int):
    with mendline.units() as uow:
        builders.repair(uow)
    told = f"'quay-files', 'shop', {endpoint!r}, 'us-east-1', 'AKID42', 'HIDDEN42'"
    kill_after(
        step,
        db,
        store.root,
        imports="from bridge.integrations.files.s3 import FilesSettings, S3Store",
        store=f"S3Store(Path(root), FilesSettings({told}), 5.0)",
    )
    assert mendline.count("files") == rows
    assert len(names(bucket)) == 3, "the file is there before its row"
    service.sweep(mendline.units, store, older_than_seconds=-2)
    assert len(names(bucket)) == 3 * rows
    assert not list((store.root / "incoming").iterdir())
    for key in mendline.column("SELECT key FROM files"):
        assert store.source(key, "full.jpg").read(2) == b"\xff\xd8"


def test_what_is_not_there_and_what_is_no_key(store: S3Store, bucket):
    with pytest.raises(FileNotFoundError):
        store.source("a" * 32, "full.jpg")
    for key in ("../../x", "", "a" * 31 + "/"):
        with pytest.raises(ValueError, match="not a key"):
            store.drop(key)
    bucket.delete()
    with pytest.raises(Temporary), receiving.receiving(store) as taken:
        taken.take(io.BytesIO(samples.photo()), "a.jpg")
    bucket.meta.client.create_bucket(Bucket="quay-files")


def test_no_call_inside_a_unit(mendline: Service, store: S3Store):
    with pytest.raises(RuntimeError), mendline.units():
        store.drop("a" * 32)


@pytest.mark.parametrize("prefix", ["shop", ""])
def test_the_sweep_leaves_what_is_not_ours(mendline: Service, endpoint, bucket, tmp_path, prefix):
    told = FilesSettings("quay-files", prefix, endpoint, "us-east-1", "AKID42", "HIDDEN42")
    lead = f"{prefix}/" if prefix else ""
    orphan = f"{lead}{'0' * 32}/full.jpg"
    foreign = ["top.txt", f"{lead}notes/plan.txt", f"{lead}{'z' * 32}/x", f"{lead}a/{'0' * 32}/x"]
    for name in (orphan, *foreign):
        bucket.put_object(Key=name, Body=b"x")
    service.sweep(mendline.units, S3Store(tmp_path / "files", told, 5.0), -5)
    assert names(bucket) == sorted(foreign)


def test_an_erasure_ends_though_the_bucket_is_away(mendline: Service, bucket):
    with mendline.units() as uow:
        made = builders.repair(uow)
        ref, owner = made.ref, made.customer_id
        if owner is None:
            owner = made.customer_id = builders.customer(uow).id
        uow.session.flush()
        uow.connection.exec_driver_sql("UPDATE repairs SET status = 'delivered'")
        person = uow.session.get_one(Customer, owner).ref
        key = staff.create_key(uow, mendline.parts.seal, SYSTEM, name="desk", role="desk").key
    path, headers = f"/api/v1/repairs/{ref}/files", {"Authorization": f"Bearer {key}"}
    assert mendline.http.post(path, **sent(samples.photo()), headers=headers).status_code == 201
    bucket.objects.delete()
    bucket.delete()
    done = customer_verbs._erase(mendline.parts, person, None)
    assert mendline.count("files") == mendline.count("customers") == 0
    assert len(done.file_keys) == 1 and any("bytes of 1 files" in one for one in done.kept)
