"""Makes an e-mail of a letter: headers that cannot be broken out of, and the same name every time.

How its text looks is `layout.py`'s business.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import Any

from bridge.integrations.addressed import Letter
from bridge.integrations.mail import layout
from crm.core.errors import Permanent
from crm.core.shop import Shop
from crm.notifications import rules, texts
from crm.notifications.rules import Kind

LONGEST_SUBJECT = 200
# Values of a message that hold an address outside which the shop itself chose.
_CHOSEN = ("review_url",)
# The message whose link asks for a mark.
_RATED = "survey"
# Headers that machines read as they stand: the usual policy encodes a long word that cannot be folded.
_WHOLE = frozenset(("References", "List-Unsubscribe"))
_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")


class _Policy(EmailPolicy):
    def fold_binary(self, name: str, value: str) -> bytes:
        if name in _WHOLE:
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_POLICY = _Policy(linesep="\r\n")


@dataclass(frozen=True)
class Sender:
    """name: shown to the customer. address: also where bounces go. reply_to: where answers go."""

    name: str
    address: str
    reply_to: str | None = None

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def read_sender(mail_from: str, reply_to: str | None = None) -> Sender:
    """mail_from, reply_to: `Shop <shop@example.com>` or a bare address."""
    name, address = parseaddr(mail_from)
    return Sender(plain(name), address, parseaddr(reply_to)[1] if reply_to else None)


def message_id(effect_key: str, sender: Sender) -> str:
    """Always the same for one effect, so that a copy is known as one."""
    digest = hashlib.sha256(effect_key.encode()).hexdigest()[:32]
    return f"<{digest}@{sender.domain}>"


def thread_id(ref: str, sender: Sender) -> str:
    """The name of the thread of one repair or booking; no mail bears it, all of them refer to it."""
    return message_id(f"thread:{ref}", sender)


def compose(
    letter: Letter, sender: Sender, shop: Shop, name: str, moment: datetime
) -> EmailMessage:
    """name: of this effect, see `message_id`. Raises Permanent when the address cannot be written to."""
    kind = rules.defaults()[letter.template].kind
    subject = subject_of(letter, shop.name)
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(sender.name, addr_spec=sender.address)
    message["To"] = Address(addr_spec=mailable(letter.to))
    if sender.reply_to:
        message["Reply-To"] = Address(sender.name, addr_spec=sender.reply_to)
    message["Subject"] = subject
    message["Date"] = format_datetime(moment)
    message["Message-ID"] = message_id(name, sender)
    if letter.subject_ref:
        message["References"] = thread_id(letter.subject_ref, sender)
    # Nobody's out-of-office answer is wanted (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    preferences = unsubscribe = None
    if letter.customer_id is not None:
        preferences = shop.links.preferences(letter.customer_id, moment)
    if preferences and kind == Kind.MARKETING:
        unsubscribe = f"{preferences}/unsubscribe"
        if preferences.startswith("https://"):
            message["List-Unsubscribe"] = f"<{preferences}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
    foot = layout.foot(
        letter.locale,
        kind,
        plain(shop.name),
        home=shop.links.public_url,
        takes_answers=sender.reply_to is not None,
        preferences=preferences,
        unsubscribe=unsubscribe,
    )
    message.set_content(layout.as_text(letter.text, foot))
    page = layout.as_html(
        letter.text,
        letter.locale,
        foot,
        title=subject,
        site=shop.links.public_url,
        known=chosen(letter.variables),
        code=letter.code,
        scale=letter.variables.get("link") if letter.template == _RATED else None,
    )
    message.add_alternative(page, subtype="html")
    # Last: setting the content drops every header that begins like this.
    message["Content-Language"] = letter.locale
    return message


def chosen(variables: Mapping[str, Any]) -> list[str]:
    """The addresses outside, among a message's values, which the shop itself chose."""
    return [variables[one] for one in _CHOSEN if one in variables]


def subject_of(letter: Letter, shop_name: str) -> str:
    """It names the repair or booking, so that an answer finds its way back to it."""
    values = {"shop": shop_name, "ref": letter.subject_ref}
    subject = plain(texts.render(letter.locale, letter.template, "subject", values))
    ending = f" ({letter.subject_ref})" if letter.subject_ref not in subject else ""
    return subject[: LONGEST_SUBJECT - len(ending)] + ending


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
