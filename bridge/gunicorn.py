"""How gunicorn serves the web process: `gunicorn -c bridge/gunicorn.py 'app:web()'`.

Requests are logged by the application, so gunicorn's access log is off. The address comes from
the command line, or from PORT. Never add `preload_app`: with gevent it loads the database
driver before it is made cooperative, and one slow query then stops a whole worker.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess

worker_class = "gevent"
workers = int(os.environ.get("WEB_WORKERS", "2"))
worker_connections = 1000
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
    """Begin with an empty directory: files of an earlier run would be added to every sum."""
    if directory := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        shutil.rmtree(directory, ignore_errors=True)
        Path(directory).mkdir(mode=0o700, parents=True)


def child_exit(server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that has ended."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)
