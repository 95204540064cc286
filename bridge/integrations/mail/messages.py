"""Makes an e-mail of a letter: headers that cannot be broken out of, and the same name every time."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from bridge.integrations.addressed import Letter
from crm.core.errors import Permanent
from crm.notifications import texts

LONGEST_SUBJECT = 200
_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")


@dataclass(frozen=True)
class Sender:
    """name: shown to the customer. address: also where bounces go."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def read_sender(mail_from: str) -> Sender:
    """mail_from: `Shop <shop@example.com>` or a bare address."""
    name, address = parseaddr(mail_from)
    return Sender(plain(name), address)


def message_id(effect_key: str, sender: Sender) -> str:
    """Always the same for one effect, so that a copy is known as one."""
    digest = hashlib.sha256(effect_key.encode()).hexdigest()[:32]
    return f"<{digest}@{sender.domain}>"


def compose(
    letter: Letter, sender: Sender, shop_name: str, effect_key: str, moment: datetime
) -> EmailMessage:
    """Raises Permanent when the address cannot be written to."""
    values = {"shop": shop_name, "ref": letter.subject_ref}
    subject = texts.render(letter.locale, letter.template, "subject", values)
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(sender.name, addr_spec=sender.address)
    message["To"] = Address(addr_spec=mailable(letter.to))
    message["Subject"] = plain(subject)[:LONGEST_SUBJECT]
    message["Date"] = format_datetime(moment)
    message["Message-ID"] = message_id(effect_key, sender)
    message["Content-Language"] = letter.locale
    # Nobody's out-of-office answer is wanted (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message


def mailable(address: str) -> str:
    """The address as every mail server takes it. Raises Permanent."""
    local, _, domain = address.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode()
    except UnicodeError as error:
        raise Permanent("its domain cannot be written to") from error
    if not _LOCAL_PART.fullmatch(local) or not re.fullmatch(r"[A-Za-z0-9.-]{1,253}", ascii_domain):
        raise Permanent("the address has signs that mail servers do not take")
    return f"{local}@{ascii_domain}"


def plain(text: str) -> str:
    """One line without control and direction signs."""
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())
