"""The doctor's line about the mail server: greets it and signs in, sends nothing."""

from __future__ import annotations

import smtplib

from bridge.integrations.mail.messages import read_sender
from bridge.integrations.mail.server import mail_server
from bridge.settings import MailSettings
from crm.core.checks import Check

SECONDS = 5.0


def check(told: MailSettings | None) -> Check:
    if told is None:
        return Check("smtp", "off", "no e-mail", "Set SMTP_URL and MAIL_FROM.")
    server = mail_server(told.smtp_url, read_sender(told.mail_from).address, SECONDS)
    try:
        with server.session() as smtp:
            smtp.noop()
    except (OSError, smtplib.SMTPException) as error:
        return Check("smtp", "fail", f"not usable: {type(error).__name__}",
                     "Check SMTP_URL and that the mail server accepts this machine.")  # fmt: skip
    return Check("smtp", "ok", "answers")
