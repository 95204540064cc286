"""`bounce`: what a mail server pipes to us when mail of ours comes back."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from bridge import cli
from bridge.cli.parts import service
from bridge.integrations.mail import bounces, inbound
from bridge.integrations.mail.messages import read_sender
from bridge.settings import SettingsError
from crm.core.errors import Conflict
from crm.core.uow import DATABASE_FAULTS
from jobs.postgres import StoreError


def add_verbs(verb: Callable, _: Callable) -> None:
    verb(
        "bounce", bounce, "take in a returned mail from standard input, for mail servers that pipe"
    )


def bounce(args: argparse.Namespace) -> int:
    """What is no report about mail of ours counts as done. When it cannot be kept now, the answer is
    EX_TEMPFAIL, at which mail servers try again later."""
    read = bounces.read(sys.stdin.buffer.read(bounces.MOST_READ))
    try:
        is_new = read is not None and _kept(read)
    except (SettingsError, StoreError, *DATABASE_FAULTS) as error:
        print(f"not kept: {type(error).__name__}", file=sys.stderr)
        return os.EX_TEMPFAIL
    cli.show(args, {"kept": is_new}, ["kept" if is_new else "nothing new of ours"])
    return os.EX_OK


def _kept(read: bounces.Bounce) -> bool:
    with service() as parts:
        told = parts.settings.mail
        if told is None:
            raise Conflict("no mail is sent: set SMTP_URL and MAIL_FROM")
        with parts.units() as uow:
            return inbound.take_in(uow, read, read_sender(told.mail_from).domain)
