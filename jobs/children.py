"""Child processes that never outlive the process that started them.

The stores and the supervisor start their children here. What a child is for, when it is
ready and when it is started again is decided by the caller.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from pwd import struct_passwd
from typing import IO

PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec a child must not take the loader's locks.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    output: IO[bytes] | int,
    when_orphaned: signal.Signals = signal.SIGTERM,
    account: struct_passwd | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `argv` in a session of its own, both its outputs going to `output`.

    when_orphaned: the signal the kernel sends the child when the calling *thread* ends, so
    call this from the main thread. Without effect outside Linux.
    account: the user to run as; only root may name another one.
    """
    identity: dict[str, object] = {}
    if account is not None:
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return subprocess.Popen(
        [str(part) for part in argv],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # Runs after the change of user, which would clear the death signal.
        preexec_fn=_leash(when_orphaned),
        **identity,
    )


def stop(
    process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]
) -> signal.Signals | None:
    """Send each signal in turn and wait its seconds; the last resort is SIGKILL for the session.

    Returns the signal that ended the process, None if it had already ended.
    """
    if process.poll() is not None:
        return None
    for number, seconds in steps:
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return number
    kill_session(process)
    process.wait()
    return signal.SIGKILL


def kill_session(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL everything the child has left in its session, the child itself included."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _leash(number: signal.Signals) -> Callable[[], None] | None:
    if _libc is None:
        return None
    parent = os.getpid()

    def tie() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return tie
