"""Runs one role of the service, and kills it with SIGKILL at the step a fuse names.

A fuse is a file `$FUSES/<role>` holding N: the process dies at its N-th step from then on. Steps
are the points where something becomes durable or leaves the process: before and after each commit,
before and after each HTTP call, before each line to a mail server and after each of its answers.
They are found from outside (events of SQLAlchemy, the transport of requests, smtplib), so the
product knows nothing of them. A process without a fuse just works.
"""

from __future__ import annotations

import os
import signal
import smtplib
import sys
from pathlib import Path

import requests
from sqlalchemy import Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg


class Fuse:
    def __init__(self, role: str):
        self._file = Path(os.environ["FUSES"]) / role
        self._left: int | None = None

    def step(self, *_: object) -> None:
        try:
            told = self._file.read_text()
        except FileNotFoundError:
            self._left = None
            return
        self._left = int(told) if self._left is None else self._left
        self._left -= 1
        if self._left <= 0:
            self._file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def install(role: str) -> None:
    fuse = Fuse(role)
    event.listen(Engine, "commit", fuse.step)
    commit = PGDialect_psycopg.do_commit

    def after_commit(self, connection):
        commit(self, connection)
        fuse.step()

    PGDialect_psycopg.do_commit = after_commit
    send = requests.adapters.HTTPAdapter.send

    def call(self, request, **options):
        fuse.step()
        answer = send(self, request, **options)
        fuse.step()
        return answer

    requests.adapters.HTTPAdapter.send = call
    put, heard = smtplib.SMTP.send, smtplib.SMTP.getreply

    def say(self, words):
        fuse.step()
        put(self, words)

    def hear(self):
        answer = heard(self)
        fuse.step()
        return answer

    smtplib.SMTP.send, smtplib.SMTP.getreply = say, hear


def web():
    """For gunicorn, which starts a killed worker again by itself."""
    import app  # noqa: PLC0415 - gunicorn has to patch the standard library first

    install("web")
    return app.web()


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    from bridge.cli import main

    install(sys.argv[1])
    raise SystemExit(main([sys.argv[1]]))
