"""A mailbox for tests: one folder over IMAP4rev1 (RFC 3501), as far as a reader of bounces goes."""

from __future__ import annotations

import re
import socketserver
import ssl
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

USER, PASSWORD = "bounces@quay.example", "s e:cret"
_COMMAND = re.compile(rb"(\S+) (UID )?(\S+) ?(.*?)\r\n", re.DOTALL)


@dataclass
class MailRoom:
    """mails: uid -> what was received. seen: uids. asked: the commands, newest last.

    refuses: a command answered with NO; breaks_at: one at which the line breaks; has_login: only the
    older way to sign in is offered.
    """

    mails: dict[int, bytes] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    refuses: str = ""
    breaks_at: str = ""
    has_login: bool = False
    port: int = 0

    @property
    def url(self) -> str:
        return f"imap://bounces%40quay.example:s%20e%3Acret@127.0.0.1:{self.port}/INBOX"

    def put(self, raw: bytes) -> int:
        uid = len(self.mails) + 1
        self.mails[uid] = raw
        return uid

    def mails_of(self, uids: bytes) -> list[int]:
        return [int(uid) for uid in uids.split(b",") if int(uid) in self.mails]


class _Talk(socketserver.StreamRequestHandler):
    room: MailRoom

    def handle(self) -> None:
        self._say(b"* OK at your service")
        while match := _COMMAND.fullmatch(self.rfile.readline(10_000)):
            tag, uid, name, rest = match.groups()
            verb = ((uid or b"") + name).decode().upper()
            self.room.asked.append(verb)
            if verb == self.room.breaks_at:
                return
            if verb == self.room.refuses:
                self._say(tag + b" NO not today")
                continue
            getattr(self, "_" + verb.lower().replace(" ", "_"))(tag, rest)
            if verb == "LOGOUT":
                return

    def _capability(self, tag: bytes, rest: bytes) -> None:
        offers = b"" if self.room.has_login else b" AUTH=PLAIN"
        self._say(b"* CAPABILITY IMAP4rev1" + offers, tag + b" OK done")

    def _authenticate(self, tag: bytes, rest: bytes) -> None:
        self._say(b"+ ")
        given = b64decode(self.rfile.readline(1_000)).decode()
        self._say(tag + (b" OK done" if given == f"\0{USER}\0{PASSWORD}" else b" NO who are you"))

    def _login(self, tag: bytes, rest: bytes) -> None:
        given = rest.decode() == f'{USER} "{PASSWORD}"'
        self._say(tag + (b" OK done" if given else b" NO who are you"))

    def _select(self, tag: bytes, rest: bytes) -> None:
        self._say(b"* %d EXISTS" % len(self.room.mails), tag + b" OK [READ-WRITE]")

    def _uid_search(self, tag: bytes, rest: bytes) -> None:
        unseen = [b"%d" % uid for uid in sorted(self.room.mails) if uid not in self.room.seen]
        self._say(b" ".join([b"* SEARCH", *unseen]), tag + b" OK done")

    def _uid_fetch(self, tag: bytes, rest: bytes) -> None:
        uids, _, what = rest.partition(b" ")
        most = int(re.fullmatch(rb"\(BODY\.PEEK\[\]<0\.(\d+)>\)", what)[1])
        for uid in self.room.mails_of(uids):
            raw = self.room.mails[uid][:most]
            self._say(b"* %d FETCH (UID %d BODY[]<0> {%d}" % (uid, uid, len(raw)))
            self.wfile.write(raw + b")\r\n")
        self._say(tag + b" OK done")

    def _uid_store(self, tag: bytes, rest: bytes) -> None:
        uids, _, what = rest.partition(b" ")
        assert what == rb"+FLAGS.SILENT (\Seen)", what
        self.room.seen.update(self.room.mails_of(uids))
        self._say(tag + b" OK done")

    def _logout(self, tag: bytes, rest: bytes) -> None:
        self._say(b"* BYE", tag + b" OK done")

    def _say(self, *lines: bytes) -> None:
        self.wfile.write(b"".join(line + b"\r\n" for line in lines))


class _Quiet(socketserver.ThreadingTCPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Somebody who hangs up, or does not trust the certificate, is no news."""


@contextmanager
def opened(tls: ssl.SSLContext | None = None) -> Iterator[MailRoom]:
    room = MailRoom()
    talk = type("Talk", (_Talk,), {"room": room})
    with _Quiet(("127.0.0.1", 0), talk) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.daemon_threads = True
        room.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield room
        server.shutdown()
        thread.join()
