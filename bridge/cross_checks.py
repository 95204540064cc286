"""What variables mean together: combinations that are refused, and those that only earn a word.

One variable by itself is checked by `variables.py`. Nothing here ever shows a value.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from bridge.variables import VARIABLES

PREFIXES = ("CHATWOOT_", "STRIPE_", "TWILIO_", "SMTP_", "MAIL_", "OPENAI_", "SHOP_", "S3_")


def faults(v: Mapping[str, Any]) -> list[str]:
    """Combinations that the service cannot run with, a line each."""
    found = []
    lease, heartbeat = v["LEASE_SECONDS"], v["HEARTBEAT_SECONDS"]
    if lease and heartbeat and heartbeat >= lease:
        found.append("HEARTBEAT_SECONDS: give less than LEASE_SECONDS")
    for name in ("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"):
        if v["FILES_URL"] and not v[name]:
            found.append(f"{name}: give it, as FILES_URL names a bucket")
    return found


def warnings(v: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, ...]:
    """What is probably not meant so, a line each."""
    return (*_half_given(v), *_greedy(v), *_unknown(environ))


def _half_given(v: Mapping[str, Any]) -> list[str]:
    """Integrations that are off because only a part of what they need is there."""
    pairs = (
        ("CHATWOOT_URL", "CHATWOOT_API_TOKEN"),
        ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"),
        ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"),
        ("SMTP_URL", "MAIL_FROM"),
    )
    missing = [
        f"{one} is set without {other}"
        for pair in pairs
        for one, other in (pair, pair[::-1])
        if v[one] and not v[other]
    ]
    if v["BOUNCE_IMAP_URL"] and not v["SMTP_URL"]:
        missing.append("BOUNCE_IMAP_URL is set without SMTP_URL")
    return missing


def _greedy(v: Mapping[str, Any]) -> list[str]:
    """Mass messages that would use up what all calls to Chatwoot share."""
    if v["CHATWOOT_URL"] and 2 * v["BULK_PER_SECOND"] > v["CHATWOOT_RATE_PER_SECOND"]:
        return ["BULK_PER_SECOND is more than half of CHATWOOT_RATE_PER_SECOND"]
    return []


def _unknown(environ: Mapping[str, str]) -> list[str]:
    """Variables that nobody reads but that look meant for us, with the name they resemble."""
    known = {v.name for v in VARIABLES} | {f"{v.name}_FILE" for v in VARIABLES if v.secret}
    warnings = []
    for name in sorted(environ.keys() - known):
        close = get_close_matches(name, sorted(known), n=1, cutoff=0.86)
        if name.startswith(PREFIXES) or close:
            hint = f"; did you mean {close[0]}?" if close else ""
            warnings.append(f"{name} is not a setting{hint}")
    return warnings
