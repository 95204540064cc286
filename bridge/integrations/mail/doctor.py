"""What the doctor says about e-mail: the mail server, the mailbox of bounces, and a test mail."""

from __future__ import annotations

import secrets
import smtplib
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from bridge.integrations.mail.fetching import mail_box
from bridge.integrations.mail.messages import mailable, message_id, plain, read_sender
from bridge.integrations.mail.server import mail_server
from bridge.settings import MailSettings
from crm.core.checks import Check
from crm.core.errors import Denied, Outward, Permanent, Temporary, Uncertain

SECONDS = 5.0
NOT_SET = "Set SMTP_URL and MAIL_FROM."
TEST = "mail.test"
WHAT_TO_DO = {
    Denied: "Check user and password in SMTP_URL.",
    Permanent: "Check the address, and that the mail server lets MAIL_FROM send.",
    Temporary: "Check SMTP_URL and that the mail server accepts this machine; then try again.",
    Uncertain: "Look whether it arrived, then try again.",
}


def check(told: MailSettings | None) -> Check:
    """Greets the mail server and signs in; sends nothing."""
    if told is None:
        return Check("smtp", "off", "no e-mail", NOT_SET)
    server = mail_server(told.smtp_url, read_sender(told.mail_from).address, SECONDS)
    try:
        with server.session() as smtp:
            smtp.noop()
    except (OSError, smtplib.SMTPException) as error:
        return Check("smtp", "fail", f"not usable: {type(error).__name__}",
                     "Check SMTP_URL and that the mail server accepts this machine.")  # fmt: skip
    return Check("smtp", "ok", "answers")


def check_bounces(told: MailSettings | None) -> Check:
    """Signs in and opens the folder; marks nothing as seen."""
    if told is None or told.bounce_url is None:
        return Check("bounces", "off", "no mailbox is looked into for mail that comes back",
                     "Set BOUNCE_IMAP_URL, unless the mail server pipes it to app.py bounce.")  # fmt: skip
    try:
        with mail_box(told.bounce_url, SECONDS).session():
            return Check("bounces", "ok", "the mailbox opens")
    except Temporary as error:
        return Check("bounces", "fail", error.detail,
                     "Check server, user, password and folder in BOUNCE_IMAP_URL.")  # fmt: skip


def check_answers(told: MailSettings | None) -> Check:
    """Whether somebody reads what customers answer; each mail tells them."""
    if told is None:
        return Check("answers", "off", "no e-mail", NOT_SET)
    if told.reply_to is None:
        return Check("answers", "warn", "nobody reads answers to our mails, and each of them says so",
                     "Set MAIL_REPLY_TO, best to the e-mail inbox of Chatwoot.")  # fmt: skip
    return Check("answers", "ok", "they go to MAIL_REPLY_TO")


def send_test(told: MailSettings | None, shop_name: str, to: str) -> Check:
    """Sends one mail, and tells what the server answered; the recipient is not repeated."""
    if told is None:
        return Check(TEST, "fail", "no e-mail", NOT_SET)
    sender = read_sender(told.mail_from)
    name = message_id(secrets.token_hex(16), sender)
    try:
        recipient = mailable(to)
    except Permanent:
        return Check(TEST, "fail", "not an e-mail address", "Give one such as you@shop.example.")
    try:
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = Address(sender.name, addr_spec=sender.address)
        message["To"] = Address(addr_spec=recipient)
        message["Subject"] = f"Test from {plain(shop_name)}"
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = name
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(f"E-mail from {plain(shop_name)} arrives here.\n")
        server = mail_server(told.smtp_url, sender.address, SECONDS)
        server.hand_over(sender.address, recipient, message.as_bytes())
    except Outward as error:
        todo = next(todo for kind, todo in WHAT_TO_DO.items() if isinstance(error, kind))
        return Check(TEST, "fail", error.detail, todo)
    return Check(TEST, "ok", f"accepted by the mail server as {name}",
                 "Look whether it arrived, and not among spam; accepted is not delivered.")  # fmt: skip
