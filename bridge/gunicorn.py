"""How gunicorn serves the web process: `gunicorn -c bridge/gunicorn.py 'app:web()'`.

Requests are logged by the application, so gunicorn's access log is off. The address comes from
the command line, or from PORT. Never add `preload_app`: with gevent it loads the database
driver before it is made cooperative, and one slow query then stops a whole worker.
"""

import gc
import os
import resource
import shutil
import signal
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess

worker_class = "gevent"
workers = int(os.environ.get("WEB_WORKERS", "2"))
# Open tracking pages hold one each; `live.MOST_VIEWERS` leaves room for other requests.
worker_connections = 3000
MOST_FILES = 8192
timeout = 60
graceful_timeout = 30
keepalive = 5
# Heartbeats go through a file; on a busy disk writing them could stop a worker.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

accesslog = None
errorlog = "-"

# The socket lives in the user's home, where a second instance would take it over.
control_socket_disable = True

# Bodies are limited by the application, which knows the path.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190


def on_starting(server: Any) -> None:
    """Allow a file for each connection, and begin with an empty directory of figures: files of an
    earlier run would be added to every sum.
    """
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(MOST_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, wanted), most))
    if directory := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        shutil.rmtree(directory, ignore_errors=True)
        Path(directory).mkdir(mode=0o700, parents=True)


def post_fork(server: Any, worker: Any) -> None:
    """Load without looking for garbage: all of it stays, and looking takes a quarter of the time."""
    gc.disable()


def post_worker_init(worker: Any) -> None:
    """Set what was loaded apart from garbage, and end open streams with SIGTERM: they would hold up
    the stop until the grace is over.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    # Not above: the master must not load the database driver before a worker has patched it.
    import gevent  # noqa: PLC0415

    from bridge import live  # noqa: PLC0415

    stop = signal.getsignal(signal.SIGTERM)

    def stop_streams_too(number: int, frame: Any) -> None:
        stop(number, frame)
        # In a greenlet of its own: the signal may have come while the event loop itself ran.
        gevent.spawn(live.close, worker.wsgi)

    signal.signal(signal.SIGTERM, stop_streams_too)


def child_exit(server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that has ended."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)
