"""Lines to servers of others, ended when their time is over.

The time-outs of a socket start anew with every byte, so whoever drips holds a line for ever.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


def hang_up_after(seconds: float, line: Callable[[], socket.socket | None]) -> threading.Timer:
    """A watch that runs already; cancel it when the line is done with.

    line: the socket as it is then, since a conversation may change it (STARTTLS).
    """
    watch = threading.Timer(seconds, _hang_up, (line,))
    watch.daemon = True
    watch.start()
    return watch


def _hang_up(line: Callable[[], socket.socket | None]) -> None:
    found = line()
    # It may be closed already: the conversation ended at this very moment.
    with contextlib.suppress(OSError):
        if found is not None:
            found.shutdown(socket.SHUT_RDWR)
