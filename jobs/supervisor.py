"""Keeps a handful of child processes running in the foreground of a terminal or a container.

Starts them in order, each when the one before is ready; starts again what died; stops them in
reverse. It knows nothing of what the children do: `app.py up` lists them.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from jobs import children

TICK_SECONDS = 0.1
FIRST_PAUSE, LONGEST_PAUSE, HEALTHY_AFTER = 0.5, 10.0, 60.0  # seconds
KEPT_LINES = 20
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Process:
    """One child to keep running.

    ready: asked until it says yes, at most ready_seconds; None means ready once started.
    stop_seconds: patience between SIGTERM and SIGKILL.
    running: what `spawn` gave, when the caller could not wait for the supervisor.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[], bool] | None = None
    ready_seconds: float = 30.0
    stop_seconds: float = 35.0
    running: subprocess.Popen[bytes] | None = None

    def spawn(self) -> subprocess.Popen[bytes]:
        return children.spawn(self.argv, env=self.env, output=subprocess.PIPE)


class NeverReady(Exception):
    """A child ended, or stayed silent, before it was ready; the text names it."""


class Supervisor:
    """Runs `processes` until a stop signal. Use it once, from the main thread.

    heal: called at every tick, for what the children need and the caller started.
    """

    def __init__(
        self, processes: Sequence[Process], heal: Callable[[], None] | None = None
    ) -> None:
        self._heal = heal
        self._outputs = selectors.DefaultSelector()
        self._children = [_Child(process, self._outputs) for process in processes]
        self._stopping = False

    def run(self, on_ready: Callable[[], None] | None = None) -> int:
        """Returns the exit code: 0 after an orderly stop, else 1.

        on_ready: called once, when every child is ready.
        """
        with self._stop_signals():
            try:
                self._start()
                if on_ready and not self._stopping:
                    on_ready()
                while not self._stopping:
                    self._tick()
                failed = False
            except NeverReady as error:
                say(str(error))
                failed = True
            finally:
                killed = self._stop()
        return 1 if failed or killed else 0

    def _start(self) -> None:
        for child in self._children:
            child.start()
            deadline = time.monotonic() + child.process.ready_seconds
            while not self._stopping and not child.is_ready():
                if child.failed():
                    raise NeverReady(child.story("ended before it was ready"))
                if time.monotonic() > deadline:
                    seconds = child.process.ready_seconds
                    raise NeverReady(child.story(f"was not ready after {seconds:g} seconds"))
                self._tick()

    def _tick(self) -> None:
        self._forward(TICK_SECONDS)
        for child in self._children:
            child.keep_alive()
        if self._heal:
            self._heal()

    def _forward(self, seconds: float) -> None:
        for key, _ in self._outputs.select(seconds):
            key.data.read()

    def _stop(self) -> list[str]:
        """Stop the newest first; returns the names of those that had to be killed."""
        killed = []
        for child in reversed(self._children):
            if child.stop(self._forward) is signal.SIGKILL:
                killed.append(child.process.name)
                say(f"{child.process.name} did not stop in time and was killed")
        self._outputs.close()
        return killed

    @contextmanager
    def _stop_signals(self) -> Iterator[None]:
        def ask(number: int, frame: object) -> None:
            self._stopping = True

        before = {number: signal.signal(number, ask) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Child:
    """A process as it is now: running, or waiting out its pause after a death."""

    def __init__(self, process: Process, outputs: selectors.BaseSelector) -> None:
        self.process = process
        self._outputs = outputs
        self._running = process.running
        self._code: int | None = None
        self._started_at = 0.0
        self._start_at = 0.0
        self._pause = FIRST_PAUSE
        self._rest = b""
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)

    def start(self) -> None:
        if self._running is None:
            self._running = self.process.spawn()
        self._started_at = time.monotonic()
        os.set_blocking(self._running.stdout.fileno(), False)
        self._outputs.register(self._running.stdout, selectors.EVENT_READ, self)

    def is_ready(self) -> bool:
        if self._running is None or self._running.poll() is not None:
            return False
        return self.process.ready is None or self.process.ready()

    def failed(self) -> bool:
        """Whether it ended of its own accord; a child that somebody killed is started again."""
        return self._running is None and self._code is not None and self._code >= 0

    def keep_alive(self) -> None:
        """Notice a death; start again once the pause is over."""
        if self._running is not None:
            if self._running.poll() is not None:
                self._bury()
        elif self._code is not None and time.monotonic() >= self._start_at:
            say(f"{self.process.name} is started again")
            self.start()

    def read(self) -> None:
        """Pass on what the child wrote, whole lines at a time."""
        try:
            data = os.read(self._running.stdout.fileno(), 65536)
        except BlockingIOError:
            return
        if not data:
            self._outputs.unregister(self._running.stdout)
            return
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        self._write(whole + newline)

    def stop(self, forward: Callable[[float], None]) -> signal.Signals | None:
        """SIGTERM, patience, SIGKILL, its output passed on until the end.

        Returns SIGKILL when patience was not enough.
        """
        if self._running is None:
            return None
        used: signal.Signals | None = None
        self._running.terminate()
        deadline = time.monotonic() + self.process.stop_seconds
        while self._running.poll() is None:
            if time.monotonic() > deadline:
                used = signal.SIGKILL
                children.kill_session(self._running)
            forward(TICK_SECONDS)
        self._clear_away()
        return used

    def story(self, what: str) -> str:
        code = "" if self._code is None else f" (exit code {self._code})"
        return "\n".join([f"{self.process.name} {what}{code}; its last lines:", *self._lines])

    def _bury(self) -> None:
        self._code = self._running.returncode
        self._clear_away()
        now = time.monotonic()
        if now - self._started_at > HEALTHY_AFTER:
            self._pause = FIRST_PAUSE
        self._start_at = now + self._pause
        say(f"{self.process.name} ended (exit code {self._code})")
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _clear_away(self) -> None:
        # What a dead leader leaves behind may hold its port and must not work beside its heir.
        children.kill_session(self._running)
        stdout = self._running.stdout
        if stdout in self._outputs.get_map():
            self.read()
        if stdout in self._outputs.get_map():
            self._outputs.unregister(stdout)
        if self._rest:
            self._write(self._rest + b"\n")
            self._rest = b""
        stdout.close()
        self._running = None

    def _write(self, data: bytes) -> None:
        self._lines.extend(data.decode(errors="replace").splitlines())
        with suppress(BrokenPipeError):  # nobody reads any more; the work goes on
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


def say(text: str) -> None:
    """A line of the supervisor's own, beside those of the children."""
    with suppress(BrokenPipeError):
        print(f"supervisor: {text}", file=sys.stderr, flush=True)
