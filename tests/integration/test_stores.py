"""The launcher of private stores: real servers, in directories of their own."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from jobs import stores as launcher
from jobs.places import place_for
from jobs.stores import Stores
from tests.conftest import private_stores

ROOT = Path(__file__).parents[2]
# Another process that owns or joins the stores of a directory, until it is killed.
OTHER = """
import os, sys, time
from pathlib import Path
from jobs import stores
if len(sys.argv) > 2:
    os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
started = stores.start(Path(sys.argv[1]), database_url=None, redis_url=None)
print(started.postgres.process.pid if started.postgres else 0, flush=True)
print(started.database_url, flush=True)
time.sleep(60)
"""


def start(state_dir: Path, durable: bool = False) -> Stores:
    return launcher.start(state_dir, database_url=None, redis_url=None, durable=durable)


@pytest.fixture(scope="module")
def kept() -> Iterator[Stores]:
    """Stores that these tests stop, kill and start again, but always leave running."""
    with private_stores(durable=True) as stores:
        with psycopg.connect(stores.database_url) as connection:
            connection.execute("CREATE TABLE repairs (ref text PRIMARY KEY)")
        yield stores


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A directory for new stores; as root their data lives elsewhere and is removed too."""
    directory = tmp_path / "state"
    directory.mkdir()
    yield directory
    shutil.rmtree(place_for(directory).home)


def add(stores: Stores, ref: str) -> None:
    with psycopg.connect(stores.database_url) as connection:
        connection.execute("INSERT INTO repairs VALUES (%s)", [ref])


def refs(stores: Stores) -> set[str]:
    with psycopg.connect(stores.database_url) as connection:
        return {row[0] for row in connection.execute("SELECT ref FROM repairs")}


def redis_of(stores: Stores) -> Redis:
    if stores.redis is None:
        pytest.skip("this machine has no Redis")
    return Redis.from_url(stores.redis_url)


def test_settings_win_over_own_stores(tmp_path: Path) -> None:
    stores = launcher.start(tmp_path / "s", database_url="postgresql://a/b", redis_url="redis://c")
    assert (stores.database_url, stores.redis_url) == ("postgresql://a/b", "redis://c")
    assert (stores.postgres, stores.redis) == (None, None)
    assert not (tmp_path / "s").exists()


def test_only_the_socket_listens_and_its_directory_is_private(kept: Stores) -> None:
    with psycopg.connect(kept.database_url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    place = kept.postgres.place
    for directory in (place.home, place.run, kept.postgres.data):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    if os.geteuid() == 0:
        assert Path(f"/proc/{kept.postgres.process.pid}").stat().st_uid != 0


def test_the_servers_see_nothing_of_our_environment(kept: Stores) -> None:
    for server in (kept.postgres, kept.redis):
        if server is not None:
            told = Path(f"/proc/{server.process.pid}/environ").read_bytes().split(b"\0")
            names = {line.partition(b"=")[0] for line in told}
            assert not names & {b"HOME", b"PYTEST_CURRENT_TEST", b"SECRET_KEY"}


def test_redis_never_evicts(kept: Stores) -> None:
    with redis_of(kept) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("save") == {"save": ""}


@pytest.mark.parametrize("crash", [False, True])
def test_data_survives_a_restart(kept: Stores, crash: bool) -> None:
    add(kept, f"crash {crash}")
    kept.restart_postgres(crash=crash)
    assert f"crash {crash}" in refs(kept)


@pytest.mark.parametrize("empty", [True, False])
def test_redis_restarts_empty_or_full(kept: Stores, empty: bool) -> None:
    with redis_of(kept) as client:
        client.set("key", "value")
        kept.restart_redis(empty=empty)
        assert client.get("key") == (None if empty else b"value")


def test_killed_servers_are_healed(kept: Stores) -> None:
    add(kept, "before the kill")
    servers = [server for server in (kept.postgres, kept.redis) if server]
    for server in servers:
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(5)
    kept.heal()
    assert all(server.answers() for server in servers)
    assert "before the kill" in refs(kept)


def test_a_second_process_joins_and_leaves_them_running(state_dir: Path) -> None:
    with start(state_dir) as owner:
        with start(state_dir) as guest:
            assert guest.postgres is None
            assert guest.redis is None
            assert (guest.database_url, guest.redis_url) == (owner.database_url, owner.redis_url)
        assert owner.postgres.answers()
    assert not place_for(state_dir).run.joinpath(".s.PGSQL.5432").exists()


def test_stores_of_a_killed_owner_end_with_it_and_start_again(state_dir: Path) -> None:
    process, pid, _ = other(state_dir)
    process.kill()
    process.wait(5)
    began = time.monotonic()
    with start(state_dir) as heir:
        assert heir.postgres.process.pid != pid
        assert heir.postgres.answers()
        assert heir.redis is None or heir.redis.answers()
    assert time.monotonic() - began < 15


def test_owner_and_server_killed_together(state_dir: Path) -> None:
    process, pid, url = other(state_dir)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept ()")
    os.kill(pid, signal.SIGKILL)
    process.kill()
    process.wait(5)
    with start(state_dir) as heir, psycopg.connect(heir.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_an_interrupted_first_start_is_begun_anew(state_dir: Path) -> None:
    place = place_for(state_dir)
    place.private(place.home / "postgres.new").joinpath("half").touch()
    with start(state_dir) as stores:
        assert stores.postgres.answers()


def test_there_is_time_for_other_work_while_a_cluster_is_made(state_dir: Path) -> None:
    seen: list[bool] = []

    def look() -> None:
        seen.append((place_for(state_dir).home / "postgres").exists())

    for _ in range(2):
        launcher.start(
            state_dir, database_url=None, redis_url=None, durable=False, meanwhile=look
        ).stop()
    assert seen == [False]


def test_data_of_another_major_version_is_left_alone(state_dir: Path) -> None:
    place = place_for(state_dir)
    data = place.private(place.home / "postgres")
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(launcher.StoreError, match="was made by PostgreSQL 9"):
        start(state_dir)


def test_a_deep_state_directory_still_has_short_socket_paths(state_dir: Path) -> None:
    deep = state_dir.joinpath(*["deep-directory"] * 8)
    with start(deep) as stores:
        assert stores.postgres.answers()
    shutil.rmtree(stores.postgres.place.home)
    shutil.rmtree(stores.postgres.place.run, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_keeps_everything_in_the_state_directory() -> None:
    if not all(parent.stat().st_mode & stat.S_IXOTH for parent in (ROOT, *ROOT.parents)):
        pytest.skip("no other user can reach this checkout")
    nobody = 65534
    state_dir = Path(f"/var/tmp/mendline-{os.getpid()}")
    state_dir.mkdir()
    os.chown(state_dir, nobody, nobody)
    process, pid, url = other(state_dir, str(nobody))
    try:
        assert f"host={state_dir}/run" in url
        assert Path(f"/proc/{pid}").stat().st_uid == nobody
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        process.kill()
        process.wait(5)
        subprocess.run(["rm", "-rf", state_dir], check=True)


def other(state_dir: Path, *more: str) -> tuple[subprocess.Popen[str], int, str]:
    """Start OTHER and wait until its stores answer: the process, PostgreSQL's pid, the address."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(state_dir), *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, int(process.stdout.readline()), process.stdout.readline().strip()
