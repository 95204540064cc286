"""The one table of environment variables: name, meaning, default and what a valid value is.

`read` turns an environment into typed values and collects every fault on the way. What the
values mean together is left to `cross_checks.py`, the objects the service receives to
`settings.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.parsers import (
    OWN_SECRET_LENGTH,
    Fault,
    Parser,
    bucket,
    choice,
    connection,
    integer,
    ladder,
    matching,
    networks,
    path_token,
    seconds,
    secret,
    secrets,
    timezone,
    url,
)
from crm.texting.rules import SENDER

CHATWOOT_SECRET_LENGTH = 24  # webhooks.md 5: Chatwoot makes them, nobody can choose


@dataclass(frozen=True)
class Variable:
    """One environment variable. `default` is its text form; empty means none (or derived)."""

    name: str
    meaning: str
    parse: Parser
    default: str = ""
    secret: bool = False

    def text(self, environ: Mapping[str, str]) -> str:
        """The raw text from NAME, NAME_FILE (secrets only) or the default; '' when not set.

        An empty variable counts as not set, as compose files hand over `${NAME:-}`.
        Raises Fault: both are set, unreadable or empty file, bytes that are not text.
        """
        given = _printable(environ.get(self.name, ""))
        file = _printable(environ.get(f"{self.name}_FILE", "")) if self.secret else ""
        if given and file:
            raise Fault(f"{self.name} and {self.name}_FILE are both set; keep one")
        if file:
            try:
                given = _printable(Path(file).read_text("utf-8"))
            except (OSError, UnicodeDecodeError):
                raise Fault(f"the file named by {self.name}_FILE cannot be read as text") from None
            if not given:
                raise Fault(f"the file named by {self.name}_FILE is empty")
        return given or self.default


def _printable(text: str) -> str:
    text = text.strip()
    if not text.isprintable():
        raise Fault("remove control characters and bytes that are not UTF-8 text")
    return text


def _v(name: str, parse: Parser, default: str, meaning: str) -> Variable:
    return Variable(name, meaning, parse, default)


def _s(name: str, parse: Parser, meaning: str) -> Variable:
    return Variable(name, meaning, parse, secret=True)


_PHONE = matching(
    SENDER, "give a number such as +447700900123, a messaging service id or a sender name"
)
_WHATSAPP = matching(r"\+[1-9][0-9]{6,14}", "give a number such as +447700900123")
_MAILBOX = matching(
    r"[^<>@\"\\]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+",
    "give an address such as Shop <shop@example.com>",
)

VARIABLES: tuple[Variable, ...] = (
    _v(
        "PUBLIC_URL",
        url("http", "https"),
        "",
        "Address customers and webhooks reach us at; http://localhost:PORT when empty",
    ),
    _v("PORT", integer(1, 65_535), "8000", "Port of the web process"),
    _s(
        "SECRET_KEY",
        secret(OWN_SECRET_LENGTH),
        "Signs sessions and links and encrypts stored "
        "secrets; when empty, one is made and kept in STATE_DIR",
    ),
    _s(
        "SECRET_KEY_FALLBACKS",
        secrets(OWN_SECRET_LENGTH, at_most=5),
        "Earlier values of SECRET_KEY that still open old links, separated by commas",
    ),
    _s(
        "DATABASE_URL",
        connection("postgresql", "postgresql+psycopg"),
        "PostgreSQL; when empty, an embedded one is started",
    ),
    _s(
        "REDIS_URL",
        connection("redis", "rediss", "unix"),
        "Redis or Valkey; when empty, a local "
        "one is started if there is any, else the scheduler runs the work",
    ),
    _v("STATE_DIR", Path, ".state", "Directory for what this machine keeps"),
    _v(
        "FILES_URL",
        bucket,
        "",
        "Where pictures and documents are kept, s3://bucket/prefix?endpoint=https://host&region=name;"
        " in STATE_DIR when empty",
    ),
    _s("S3_ACCESS_KEY_ID", secret(), "Access key of the bucket in FILES_URL"),
    _s("S3_SECRET_ACCESS_KEY", secret(), "Secret key of the bucket in FILES_URL"),
    _v("DEFAULT_LOCALE", choice("en", "pt"), "en", "Language when a customer's is not known"),
    _v(
        "SHOP_NAME",
        matching(r".{1,80}", "give at most 80 characters"),
        "Mendline",
        "Name customers see",
    ),
    _v("SHOP_TIMEZONE", timezone, "Europe/London", "Time zone of the shop's opening hours"),
    _v(
        "CURRENCY",
        matching(r"[A-Z]{3}", "give an ISO 4217 code such as GBP"),
        "GBP",
        "Currency of all prices",
    ),
    _v("LOG_FORMAT", choice("json", "text"), "json", "Shape of log lines"),
    _v("WEB_WORKERS", integer(1, 64), "2", "Web worker processes"),
    _v(
        "TRUSTED_PROXIES",
        integer(0, 5),
        "0",
        "Reverse proxies in front of the service whose X-Forwarded-* headers are believed",
    ),
    _v("CHATWOOT_URL", url("http", "https"), "", "Chatwoot's own address"),
    _v("CHATWOOT_ACCOUNT_ID", integer(1, 999_999_999), "1", "Number of the account in Chatwoot"),
    _s("CHATWOOT_API_TOKEN", secret(), "Access token of the user Mendline acts as"),
    _s(
        "CHATWOOT_WEBHOOK_SECRET",
        secrets(CHATWOOT_SECRET_LENGTH),
        "Secret that signs account webhooks; two separated by a comma during rotation",
    ),
    _s(
        "CHATWOOT_WEBHOOK_TOKEN",
        path_token,
        "Token in the webhook address, for Chatwoot versions that do not sign",
    ),
    _s("CHATWOOT_BOT_TOKEN", secret(), "Access token of the agent bot"),
    _s(
        "CHATWOOT_BOT_SECRET",
        secrets(CHATWOOT_SECRET_LENGTH),
        "Secret that signs the agent bot's webhooks; two during rotation",
    ),
    _v(
        "CHATWOOT_WEBSITE_TOKEN",
        matching(r"[A-Za-z0-9_-]{1,128}", "copy the website token as it is"),
        "",
        "Website token of the widget's inbox; public, every visitor sees it",
    ),
    _s(
        "CHATWOOT_HMAC_TOKEN",
        secret(CHATWOOT_SECRET_LENGTH),
        "Inbox token that proves who a widget visitor is",
    ),
    _v("CHATWOOT_RATE_PER_SECOND", integer(1, 1_000), "20", "Most requests a second to Chatwoot"),
    _v(
        "BULK_PER_SECOND",
        integer(1, 100),
        "10",
        "Mass messages, such as follow-ups, that leave each second for one destination",
    ),
    _v(
        "WEBHOOK_PRIVATE_NETWORKS",
        networks,
        "",
        "Private networks that subscribed addresses may stand in, separated by commas",
    ),
    _s("STRIPE_SECRET_KEY", secret(), "Stripe's secret or restricted key"),
    _s(
        "STRIPE_WEBHOOK_SECRET",
        secrets(),
        "Secret that signs Stripe's webhooks; two during rotation",
    ),
    _v(
        "STRIPE_API_BASE",
        url("http", "https", path=True),
        "https://api.stripe.com",
        "Address of Stripe's API",
    ),
    _v(
        "TWILIO_ACCOUNT_SID",
        matching(r"AC[0-9A-Za-z]{2,64}", "give the account SID, AC…"),
        "",
        "Twilio account",
    ),
    _s(
        "TWILIO_AUTH_TOKEN",
        secrets(),
        "Twilio auth token, which also proves Twilio's webhooks; two during rotation, new one first",
    ),
    _v("TWILIO_FROM", _PHONE, "", "Sender of text messages"),
    _v("TWILIO_WHATSAPP_FROM", _WHATSAPP, "", "Sender of WhatsApp messages, as a plain number"),
    _v(
        "TWILIO_API_BASE",
        url("http", "https", path=True),
        "https://api.twilio.com",
        "Address of Twilio's API",
    ),
    _s(
        "SMTP_URL",
        connection("smtp", "smtps", host=True),
        "Mail server, smtp[s]://user:password@host:port",
    ),
    _v("MAIL_FROM", _MAILBOX, "", "Sender of e-mail"),
    _v("MAIL_REPLY_TO", _MAILBOX, "", "Where answers to e-mail go: an e-mail inbox of Chatwoot"),
    _s(
        "BOUNCE_IMAP_URL",
        connection("imap", "imaps", host=True),
        "Mailbox of MAIL_FROM, for mail that comes back: imap[s]://user:password@host:port/folder",
    ),
    _s("OPENAI_API_KEY", secret(), "Key of OpenAI or a compatible service"),
    _v(
        "OPENAI_BASE_URL",
        url("http", "https", path=True),
        "https://api.openai.com/v1",
        "Address of the model service",
    ),
    _v(
        "OPENAI_MODEL",
        matching(r"[^\s]{1,100}", "give a model name"),
        "gpt-4.1-mini",
        "Model that writes answers",
    ),
    _v("LEASE_SECONDS", seconds(1, 3_600), "60", "How long a worker may hold a row unheard"),
    _v(
        "HEARTBEAT_SECONDS",
        seconds(0.1, 1_800),
        "",
        "How often a lease is renewed; a quarter of the lease when empty",
    ),
    _v("SWEEP_SECONDS", seconds(0.1, 300), "5", "How often the scheduler looks for due rows"),
    _v("SETTLE_SECONDS", seconds(0, 3_600), "60", "Wait before an unsure send is looked up"),
    _v(
        "RECONCILE_SECONDS", seconds(1, 86_400), "600", "How often Chatwoot is asked what we missed"
    ),
    _v(
        "RETRY_LADDER",
        ladder,
        "5,30,120,600,1800,7200,18000,36000,86400",
        "Waits between tries, in seconds",
    ),
    _v("OUTGOING_TIMEOUT_SECONDS", seconds(0.1, 120), "10", "Total time an outgoing call may take"),
    _v(
        "HOLD_SECONDS",
        seconds(0, 86_400),
        "120",
        "How long a message caused by a staff change can still be withdrawn; 0 sends at once",
    ),
)


def read(environ: Mapping[str, str]) -> tuple[dict[str, object], list[str]]:
    """Every variable's value by name (None when not set or faulty), and the faults found."""
    values: dict[str, object] = {}
    faults: list[str] = []
    for variable in VARIABLES:
        values[variable.name] = None
        try:
            text = variable.text(environ)
            if text:
                values[variable.name] = variable.parse(text)
        except Fault as fault:
            faults.append(f"{variable.name}: {fault}")
    return values, faults
