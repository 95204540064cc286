"""PostgreSQL and Redis for this machine: the ones named by settings, else our own.

One process owns the stores of a state directory, and starts and stops them; a process that
comes later uses the same servers and leaves them running. Finding and running each server is
left to `jobs.postgres` and `jobs.redis`, the schema to `migrations`.
"""

import fcntl
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from jobs import postgres, redis
from jobs.places import place_for
from jobs.postgres import Cluster, StoreError
from jobs.redis import Server

OWNER_SECONDS = 60.0
NO_REDIS = (
    "No Redis on this machine: the scheduler runs waiting work itself and rate limits count per "
    "process. Install redis-server or set REDIS_URL."
)
log = logging.getLogger(__name__)


class Stores:
    """Both stores, ready to use. Leaving a `with` block stops what this process started.

    database_url: for SQLAlchemy and libpq. redis_url: None where the machine has no Redis.
    notes: sentences for the person at the terminal. postgres, redis: the servers this process
    owns, None when they are somebody else's.
    """

    def __init__(self, database_url: str, redis_url: str | None) -> None:
        self.database_url = database_url
        self.redis_url = redis_url
        self.notes: list[str] = []
        self.postgres: Cluster | None = None
        self.redis: Server | None = None
        self._lock: int | None = None

    def stop(self) -> None:
        """Stop what this process started; what it found running stays."""
        if self.redis is not None:
            self.redis.stop()
        if self.postgres is not None:
            self.postgres.stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def heal(self) -> None:
        """Start again what ended by itself. Cheap: the supervisor calls it several times a second.

        Raises StoreError when PostgreSQL cannot be started again.
        """
        if self.postgres is not None and self.postgres.died():
            log.warning("PostgreSQL ended by itself and is started again")
            self.postgres.start()
        if self.redis is not None and self.redis.died():
            log.warning("Redis ended by itself and is started again")
            try:
                self.redis.start()
            except StoreError as error:
                log.error("Redis stays away, work goes on without it: %s", error)

    def restart_postgres(self, *, crash: bool = False) -> None:
        """Stop and start PostgreSQL. crash: as after a power cut, with recovery from the log."""
        self.postgres.stop(crash=crash)
        self.postgres.start()

    def restart_redis(self, *, empty: bool = True) -> None:
        """Stop and start Redis, with nothing in it or with what it held."""
        self.redis.stop(keep=not empty)
        self.redis.start(keep=not empty)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start(
    state_dir: Path,
    *,
    database_url: str | None,
    redis_url: str | None,
    durable: bool = True,
    meanwhile: Callable[[], object] | None = None,
) -> Stores:
    """Both stores, started where no address is given; call it from the main thread.

    state_dir: made with mode 0700; data in it survives restarts. durable: False gives up crash
    safety for speed, for tests. meanwhile: see `Cluster`.
    Raises StoreError when there is no PostgreSQL to use.
    """
    if database_url and redis_url:
        return Stores(database_url, redis_url)
    state_dir = state_dir.resolve()
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    state_dir.chmod(0o700)
    place = place_for(state_dir)
    cluster = None
    if not database_url:
        cluster = Cluster(place, postgres.find(place), durable=durable, meanwhile=meanwhile)
    program = None if redis_url else redis.find(place)
    server = Server(place, program) if program else None
    stores = Stores(cluster.url if cluster else database_url, redis_url)
    _own_or_join(stores, state_dir, cluster, server)
    if stores.redis_url is None:
        stores.notes.append(NO_REDIS)
    return stores


def _own_or_join(
    stores: Stores, state_dir: Path, cluster: Cluster | None, server: Server | None
) -> None:
    """Become the owner, or use what a living owner runs; its death in between is noticed."""
    deadline = time.monotonic() + OWNER_SECONDS
    while True:
        stores._lock = _try_lock(state_dir / "stores.lock")
        if stores._lock is not None:
            _start_own(stores, cluster, server)
            return
        if cluster is None or cluster.answers():
            _join(stores, state_dir, server)
            return
        if time.monotonic() > deadline:
            raise StoreError(f"Another process owns {state_dir}, but its PostgreSQL is silent")
        time.sleep(0.1)


def _start_own(stores: Stores, cluster: Cluster | None, server: Server | None) -> None:
    # Redis first: whoever finds PostgreSQL answering may expect both.
    if server is not None:
        try:
            server.start()
            stores.redis, stores.redis_url = server, server.url
        except StoreError as error:
            stores.notes.append(str(error))
    if cluster is not None:
        stores.postgres = cluster
        try:
            cluster.start()
        except BaseException:
            stores.stop()
            raise


def _join(stores: Stores, state_dir: Path, server: Server | None) -> None:
    stores.notes.append(f"Using the stores that are already running for {state_dir}")
    if server is not None and server.answers():
        stores.redis_url = server.url


def _try_lock(path: Path) -> int | None:
    """The open lock file, or None while another process holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
