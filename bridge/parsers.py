"""What a setting's text must look like, and the typed value it becomes.

Each function is a parser or makes one: text in, value out, `Fault` when the text cannot be
used. A fault says what to write instead and never quotes the text: it may be a secret. Which
variable uses which parser is in `variables.py`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import SplitResult, parse_qsl, urlsplit
from zoneinfo import available_timezones

OWN_SECRET_LENGTH = 32

WELL_KNOWN = frozenset(
    (
        "secret",
        "password",
        "passw0rd",
        "dev",
        "development",
        "test",
        "testing",
        "default",
        "example",
        "admin",
        "root",
        "postgres",
        "chatwoot",
        "mendline",
        "redis",
        "none",
        "null",
    )
)


class Fault(Exception):
    """A value that cannot be used; the message says what to write instead."""


Parser = Callable[[str], object]


def integer(low: int, high: int) -> Parser:
    """A whole number in plain digits, `low` to `high` inclusive."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise Fault(f"give a whole number from {low} to {high}")
        return int(text)

    return parse


def seconds(low: float, high: float) -> Parser:
    """Seconds as a plain decimal number, `low` to `high` inclusive."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", text) or not low <= float(text) <= high:
            raise Fault(f"give seconds from {low:g} to {high:g}")
        return float(text)

    return parse


def ladder(text: str) -> tuple[float, ...]:
    """Waits between tries: 1 to 20 numbers of seconds, at most a day each (reliability.md 16)."""
    steps = text.split(",")
    if len(steps) > 20:
        raise Fault("give at most 20 steps")
    return tuple(seconds(0, 86_400)(step.strip()) for step in steps)


def choice(*allowed: str) -> Parser:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise Fault(f"give one of: {', '.join(allowed)}")
        return text

    return parse


def networks(text: str) -> tuple[str, ...]:
    """IP networks such as 10.0.0.0/8, separated by commas; at most 20."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 20:
        raise Fault("give at most 20 networks")
    try:
        return tuple(str(ip_network(part)) for part in parts)
    except ValueError:
        raise Fault("give networks such as 10.0.0.0/8, separated by commas") from None


def matching(pattern: str, advice: str) -> Parser:
    """Text that fits `pattern` from end to end."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise Fault(advice)
        return text

    return parse


def url(*schemes: str, path: bool = False) -> Parser:
    """An address without credentials, query or fragment; the closing slash is taken off.

    path: whether it may carry one (an API base) or must be a bare origin.
    """
    what = f"give {' or '.join(f'{scheme}://host' for scheme in schemes)}"

    def parse(text: str) -> str:
        parts = _address(text, schemes, what)
        if "@" in parts.netloc or "?" in text or "#" in text:
            raise Fault(f"{what} without user, password, query or fragment")
        if parts.path.strip("/") and not path:
            raise Fault(f"{what} without a path")
        return text.rstrip("/")

    return parse


def connection(*schemes: str, host: bool = False) -> Parser:
    """A connection address that may carry a password; `host`: it must name one."""
    what = f"give an address that begins with {' or '.join(f'{s}://' for s in schemes)}"

    def parse(text: str) -> str:
        parts = _address(text, schemes, what, host=host)
        if not parts.hostname and not parts.path and not parts.query:
            raise Fault(what)
        return text

    return parse


def _address(text: str, schemes: tuple[str, ...], what: str, host: bool = True) -> SplitResult:
    # urlsplit silently drops tabs and line ends and lets blanks and backslashes through.
    if re.search(r"[\s\\]", text):
        raise Fault(f"{what} without blanks or backslashes")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Fault(f"{what} with a valid host and port") from None
    if parts.scheme not in schemes or port == 0:
        raise Fault(what)
    if host and not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*", parts.hostname or ""):
        raise Fault(f"{what} with a valid host name")
    return parts


@dataclass(frozen=True)
class Bucket:
    """endpoint: None is Amazon's own."""

    name: str
    prefix: str
    endpoint: str | None
    region: str


def bucket(text: str) -> Bucket:
    """s3://bucket/prefix?endpoint=https://host&region=name; all but the bucket may be left out."""
    what = "give an address such as s3://bucket/prefix?endpoint=https://host&region=eu-west-2"
    parts = _address(text, ("s3",), what)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    prefix = parts.path.strip("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", parts.netloc):
        raise Fault(f"{what}: 3 to 63 small letters, digits, dots and hyphens name a bucket")
    if parts.fragment or given.keys() - {"endpoint", "region"}:
        raise Fault(what)
    if not re.fullmatch(r"[A-Za-z0-9._/-]{0,200}", prefix) or ".." in prefix:
        raise Fault(f"{what}: letters, digits, dots and hyphens make a prefix")
    region = given.get("region", "us-east-1")
    if not re.fullmatch(r"[a-z0-9-]{1,40}", region):
        raise Fault(f"{what}: name the region in small letters")
    endpoint = url("http", "https", path=True)(given["endpoint"]) if "endpoint" in given else None
    return Bucket(parts.netloc, prefix, endpoint, region)


def timezone(text: str) -> str:
    """A name from the IANA time zone database."""
    if text not in available_timezones():
        raise Fault("give an IANA time zone such as Europe/London")
    return text


def secret(minimum: int = 0) -> Parser:
    """A secret that is long enough, not a known default and not one pattern repeated."""

    def parse(text: str) -> str:
        plain = re.sub(r"[^a-z0-9]", "", text.lower())
        if (
            plain in WELL_KNOWN
            or plain.startswith(("changeme", "replaceme"))
            or text in (text + text)[1:-1]
        ):
            raise Fault("this is a well-known or repetitive value; make a random one")
        if len(text) < minimum:
            raise Fault(f"too short; give at least {minimum} random characters")
        return text

    return parse


def secrets(minimum: int = 0, *, at_most: int = 2) -> Parser:
    """Several secrets separated by commas, the newest first, all of them valid."""

    def parse(text: str) -> tuple[str, ...]:
        parts = tuple(part.strip() for part in text.split(","))
        if len(parts) > at_most or not all(parts):
            raise Fault(f"give at most {at_most}, separated by single commas")
        return tuple(secret(minimum)(part) for part in parts)

    return parse


def path_token(text: str) -> str:
    """An own secret that is part of an address: at least 32 characters that need no escaping."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise Fault("give only letters, digits, - and _")
    return secret(OWN_SECRET_LENGTH)(text)
