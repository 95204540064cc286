"""Reports of undeliverable mail, in the shapes that different mail servers give them."""

from __future__ import annotations

MAIL = """\
Return-Path: <desk@quay.example>
From: Quay Phones <desk@quay.example>
To: {to}
Subject: We have your device
Message-ID: {message_id}
Content-Type: text/plain; charset=utf-8

Your phone is here.
"""
PLAIN = """\
From: MAILER-DAEMON@mx.quay.example
To: desk@quay.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_cut"

--=_cut
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

It could not be delivered.

--=_cut
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.quay.example
X-Queue-ID: 4F2B1C
Arrival-Date: Sat, 21 Nov 2026 10:00:00 +0000 (UTC)

{blocks}
--=_cut
{returned}
--=_cut--
"""
BLOCK = """\
Final-Recipient: rfc822; {to}
Original-Recipient: rfc822;{to}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.org
Diagnostic-Code: smtp; 550 {status} no
"""


def report(
    message_id: str,
    to: str,
    *,
    status: str = "5.1.1",
    action: str = "failed",
    kind: str = "full",
    blocks: str | None = None,
) -> bytes:
    """kind: `full` returns the whole mail, `headers` its headers, `names` only answers to it."""
    mail = MAIL.format(to=to, message_id=message_id)
    blocks = BLOCK.format(to=to, action=action, status=status) if blocks is None else blocks
    if kind == "full":
        returned = "Content-Type: message/rfc822\n\n" + mail
    else:
        headers = mail.partition("\n\n")[0] if kind == "headers" else "Subject: We have your device"
        returned = f"Content-Type: text/rfc822-headers\n\n{headers}\n"
    whole = PLAIN.format(blocks=blocks, returned=returned)
    if kind == "names":
        whole = f"In-Reply-To: {message_id}\nReferences: {message_id}\n{whole}"
    return whole.replace("\n", "\r\n").encode()
