"""The supervisor from outside: a real one over small real children."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# A child says its name and pid, leaves a grandchild behind, and says when it is told to stop.
CHILD = """
import os, signal, subprocess, sys, time
name, stubborn = sys.argv[1], len(sys.argv) > 2
def leave(number, frame):
    print(name, "stopping", flush=True)
    if not stubborn:
        sys.exit(0)
signal.signal(signal.SIGTERM, leave)
grandchild = subprocess.Popen(["sleep", "300"])
print(name, "pid", os.getpid(), grandchild.pid, flush=True)
while True:
    time.sleep(0.05)
"""
PARENT = """
import os, sys, time
from dataclasses import replace
from jobs.supervisor import Process, Supervisor

def child(name, *more, **settings):
    argv = [sys.executable, "-c", {child!r}, name, *more]
    return Process(name, argv, dict(os.environ), **settings)

processes = [{processes}]
sys.exit(Supervisor(processes).run(lambda: print("all ready", flush=True)))
"""
ROOT = Path(__file__).parents[2]


class Run:
    """A supervisor in a process of its own, its output collected in a file."""

    def __init__(self, processes: str, output: Path) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PARENT.format(child=CHILD, processes=processes)],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def lines(self) -> list[str]:
        return self.output.read_text().splitlines()

    def pids(self, name: str) -> list[int]:
        """The pids of every start of a child, each followed by its grandchild's."""
        told = [line.split() for line in self.lines() if line.startswith(f"{name} pid ")]
        return [int(pid) for words in told for pid in words[2:]]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[[str], Run]]:
    runs: list[Run] = []

    def start(processes: str) -> Run:
        runs.append(Run(processes, tmp_path / f"output-{len(runs)}"))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.terminate()
            run.process.wait(20)


def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        # A zombie in a container without an init to reap it has ended all the same.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_starts_in_order_and_stops_in_reverse(supervise: Callable[[str], Run]) -> None:
    run = supervise("child('one'), child('two'), child('three')")
    until(lambda: "all ready" in run.lines() and run.pids("three"))
    until(lambda: run.pids("one") and run.pids("two"))
    everyone = [pid for name in ("one", "two", "three") for pid in run.pids(name)]
    run.process.terminate()
    assert run.process.wait(15) == 0
    told = [line for line in run.lines() if line.endswith("stopping")]
    assert told == ["three stopping", "two stopping", "one stopping"]
    assert not [pid for pid in everyone if alive(pid)]


def test_waits_for_each_child_to_be_ready(supervise: Callable[[str], Run], tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    run = supervise(f"child('one', ready=lambda: os.path.exists({str(flag)!r})), child('two')")
    until(lambda: run.pids("one"))
    time.sleep(0.5)
    assert not run.pids("two")
    flag.touch()
    until(lambda: run.pids("two"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_signal_while_starting(supervise: Callable[[str], Run], number: int) -> None:
    run = supervise("child('one', ready=lambda: False)")
    until(lambda: run.pids("one"))
    run.process.send_signal(number)
    assert run.process.wait(15) == 0
    assert "all ready" not in run.lines()


def test_a_killed_child_is_started_again_without_leftovers(supervise: Callable[[str], Run]) -> None:
    run = supervise("child('one'), child('two')")
    until(lambda: "all ready" in run.lines() and run.pids("two") and run.pids("one"))
    for starts in (1, 2):
        pid, grandchild = run.pids("one")[-2:]
        os.kill(pid, signal.SIGKILL)
        until(lambda wanted=2 * (starts + 1): len(run.pids("one")) == wanted)
        assert not alive(pid)
        assert not alive(grandchild)
    assert len(run.pids("two")) == 2
    assert "supervisor: one ended (exit code -9)" in run.lines()


def test_a_child_that_runs_already_is_kept_and_not_started_twice(
    supervise: Callable[[str], Run],
) -> None:
    run = supervise("(lambda one: replace(one, running=one.spawn()))(child('one')), child('two')")
    until(lambda: "all ready" in run.lines() and run.pids("one") and run.pids("two"))
    assert len(run.pids("one")) == 2
    os.kill(run.pids("one")[0], signal.SIGKILL)
    until(lambda: len(run.pids("one")) == 4)
    run.process.terminate()
    assert run.process.wait(15) == 0
    assert not [pid for pid in run.pids("one") if alive(pid)]


def test_a_child_that_is_never_ready_is_named(supervise: Callable[[str], Run]) -> None:
    run = supervise("child('one'), child('two', ready=lambda: False, ready_seconds=0.8)")
    assert run.process.wait(15) == 1
    assert "supervisor: two was not ready after 0.8 seconds; its last lines:" in run.lines()
    assert not [pid for name in ("one", "two") for pid in run.pids(name) if alive(pid)]


def test_a_child_that_ends_before_it_is_ready_is_named_with_its_last_words(
    supervise: Callable[[str], Run],
) -> None:
    broken = (
        "Process('web', ['sh', '-c', 'echo no such database; exit 3'], {}, ready=lambda: False)"
    )
    run = supervise(f"child('one'), {broken}")
    assert run.process.wait(15) == 1
    lines = run.lines()
    at = lines.index("supervisor: web ended before it was ready (exit code 3); its last lines:")
    assert lines[at + 1] == "no such database"


def test_a_child_that_ignores_the_stop_is_killed(supervise: Callable[[str], Run]) -> None:
    run = supervise("child('one'), child('two', 'stubborn', stop_seconds=0.5)")
    until(lambda: "all ready" in run.lines() and run.pids("two") and run.pids("one"))
    run.process.terminate()
    assert run.process.wait(15) == 1
    assert "supervisor: two did not stop in time and was killed" in run.lines()
    assert not [pid for name in ("one", "two") for pid in run.pids(name) if alive(pid)]


def test_output_passes_unchanged_even_without_a_last_newline(
    supervise: Callable[[str], Run],
) -> None:
    text = '{"level":"info","event":"größer"}'
    run = supervise(f"Process('log', ['printf', '%s\\n  two\\nthree', {text!r}], {{}})")
    until(lambda: {text, "three"} <= set(run.lines()))
    assert run.lines()[run.lines().index(text) :][:3] == [text, "  two", "three"]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux only")
def test_children_end_with_a_killed_supervisor(supervise: Callable[[str], Run]) -> None:
    run = supervise("child('one'), child('two')")
    until(lambda: run.pids("one") and run.pids("two"))
    children = [run.pids("one")[0], run.pids("two")[0]]
    grandchildren = [run.pids("one")[1], run.pids("two")[1]]
    try:
        os.kill(run.process.pid, signal.SIGKILL)
        run.process.wait(5)
        until(lambda: not [pid for pid in children if alive(pid)])
    finally:
        for pid in grandchildren:  # a child's own children are the child's to end
            os.kill(pid, signal.SIGKILL)
