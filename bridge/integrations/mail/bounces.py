"""Reads reports that a mail could not be delivered (RFC 3464) out of whatever a mailbox receives.

Everything in them was written by strangers: what is no such report, or is broken, is None. Whether
the mail was one of ours is decided by `inbound.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string, policy
from email.message import Message

from bridge.integrations.mail.statuses import FORM

# The report stands before the mail it returns; whatever comes later is of no interest.
MOST_READ = 128 * 1024
MOST = 20
LONGEST_ADDRESS, LONGEST_HEADER = 254, 1_000
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,128}@[A-Za-z0-9.-]{1,253}>")
# One that is not delivered yet, was passed on to a system that sends no reports, or went to a list.
_FAILED = "failed"


@dataclass(frozen=True)
class Failure:
    """recipient: as the mail server spells it, small letters. status: such as `5.1.1`."""

    recipient: str
    status: str


@dataclass(frozen=True)
class Bounce:
    """message_ids: which mail may be meant, the best guess first."""

    message_ids: tuple[str, ...]
    failures: tuple[Failure, ...]


def read(raw: bytes) -> Bounce | None:
    """None: no report, nobody failed for good, or no telling which mail it is about."""
    try:
        message = message_from_bytes(raw[:MOST_READ], policy=policy.compat32)
        parts = list(_own_parts(message))
        reports = [part for part in parts if part.get_content_type() == "message/delivery-status"]
        failures = dict.fromkeys(one for report in reports for one in _failures(report))
        message_ids = dict.fromkeys(_named(message, parts))
    except (RecursionError, TypeError, ValueError):
        # Parts nested deeper than any mail program does, or signs and parameters that no header may
        # have; one such mail must not keep the others from being read.
        return None
    if not failures or not message_ids:
        return None
    return Bounce(tuple(message_ids)[:MOST], tuple(failures)[:MOST])


def _own_parts(message: Message) -> Iterator[Message]:
    """The parts of the report itself, not those of the mail that it returns."""
    yield message
    if message.get_content_maintype() == "multipart" and message.is_multipart():
        for part in message.get_payload():
            yield from _own_parts(part)


def _failures(report: Message) -> Iterator[Failure]:
    """One block of fields for each recipient, after one about the report (RFC 3464, 2.1)."""
    blocks = report.get_payload()
    for block in blocks if isinstance(blocks, list) else ():
        if _field(block, "Action").lower() != _FAILED:
            continue
        status = FORM.match(_field(block, "Status"))
        for name in ("Original-Recipient", "Final-Recipient"):
            recipient = _address(_field(block, name))
            if recipient:
                yield Failure(recipient, status[0] if status else "")


def _address(told: str) -> str:
    """told: `rfc822; ilse@example.org`. Empty when it is no address of e-mail."""
    kind, _, address = told.partition(";")
    address = address.strip().strip("<>").lower()
    is_mail = kind.strip().lower() in ("rfc822", "utf-8") and "@" in address
    return address if is_mail and len(address) <= LONGEST_ADDRESS and address.isprintable() else ""


def _named(message: Message, parts: list[Message]) -> Iterator[str]:
    """Message-IDs in the returned mail or its headers, else what the report says it answers."""
    for part in parts:
        kind = part.get_content_type()
        if kind in ("message/rfc822", "message/global") and part.is_multipart():
            for one in part.get_payload():
                yield from _ids(one, "Message-ID")
        elif kind in ("text/rfc822-headers", "message/rfc822-headers"):
            yield from _ids(_headers(part), "Message-ID")
    for name in ("X-Original-Message-ID", "In-Reply-To", "References"):
        yield from _ids(message, name)


def _headers(part: Message) -> Message:
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return message_from_bytes(payload, policy=policy.compat32)
    # Named `message/…`, it was read as a mail of its own already.
    inner = part.get_payload()
    return inner[0] if isinstance(inner, list) and inner else message_from_string("")


def _ids(message: Message, name: str) -> Iterator[str]:
    for value in message.get_all(name, []):
        yield from _MESSAGE_ID.findall(str(value)[:LONGEST_HEADER])


def _field(block: Message, name: str) -> str:
    return str(block.get(name, ""))[:LONGEST_HEADER].strip()
