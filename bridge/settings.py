"""Settings: the whole environment read once into frozen objects, all faults told together.

`load` is called by the composition root; everything below receives plain values from it. The
table of variables and what each accepts is in `variables.py`, what they mean together in
`cross_checks.py`. Reaching the outside services and saying what is missing there is the doctor's
work.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge import cross_checks
from bridge.own_key import kept_key
from bridge.variables import VARIABLES, read

__all__ = [
    "VARIABLES",
    "ChatwootSettings",
    "FilesSettings",
    "MailSettings",
    "OpenAISettings",
    "Periods",
    "Settings",
    "SettingsError",
    "StripeSettings",
    "TwilioSettings",
    "load",
]


class SettingsError(Exception):
    """The environment cannot be used. `faults`: one line per variable, never showing a value."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("settings refused:\n" + "\n".join(f"  {fault}" for fault in faults))


@dataclass(frozen=True)
class ChatwootSettings:
    """Chatwoot as the environment tells it; always present.

    What `provision` stored in the database fills the secrets that are None or empty here, and
    webhooks can be proved without an address to call, so the object exists even when Chatwoot
    cannot be called. Ask `is_connected` before calling.
    """

    url: str | None
    account_id: int
    rate_per_second: int
    website_token: str | None
    api_token: str | None = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)
    webhook_token: str | None = field(repr=False)
    bot_token: str | None = field(repr=False)
    bot_secrets: tuple[str, ...] = field(repr=False)
    hmac_token: str | None = field(repr=False)

    @property
    def is_connected(self) -> bool:
        """Whether there is an address and a token to call it with."""
        return self.url is not None and self.api_token is not None


@dataclass(frozen=True)
class StripeSettings:
    """Stripe; without `webhook_secrets` payments are only found by reconciling."""

    api_base: str
    secret_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class TwilioSettings:
    """Twilio; a missing sender switches that one channel off. Numbers are E.164.

    auth_tokens: all of them prove Twilio's webhooks; the first is the one to call with.
    """

    account_sid: str
    sms_from: str | None
    whatsapp_from: str | None
    api_base: str
    auth_tokens: tuple[str, ...] = field(repr=False)

    @property
    def auth_token(self) -> str:
        return self.auth_tokens[0]


@dataclass(frozen=True)
class MailSettings:
    """Mail; `smtp_url` is smtp[s]://user:password@host:port.

    bounce_url: imap[s]://user:password@host:port/folder of the mailbox that bounces come back to.
    """

    mail_from: str
    smtp_url: str = field(repr=False)
    reply_to: str | None = None
    bounce_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class FilesSettings:
    """A bucket for files; `endpoint` None is Amazon's own."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True)
class OpenAISettings:
    """OpenAI or a service that speaks its protocol at `base_url`."""

    base_url: str
    model: str
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class Periods:
    """Waits and limits in seconds (defaults: reliability.md)."""

    lease_seconds: float
    heartbeat_seconds: float
    sweep_seconds: float
    settle_seconds: float
    reconcile_seconds: float
    retry_ladder: tuple[float, ...]
    outgoing_timeout_seconds: float
    hold_seconds: float


@dataclass(frozen=True)
class Settings:
    """The whole service's settings; an integration that is None is off.

    files: None keeps them in state_dir.
    bulk_per_second: mass messages to one destination.
    webhook_networks: private networks that our events may be posted into.
    database_url, redis_url: None means "start or find one on this machine".
    warnings: lines for the log and the doctor that do not stop the service.
    """

    public_url: str
    port: int
    state_dir: Path
    default_locale: str
    shop_name: str
    shop_timezone: str
    currency: str
    log_format: str
    web_workers: int
    trusted_proxies: int
    chatwoot: ChatwootSettings
    stripe: StripeSettings | None
    twilio: TwilioSettings | None
    mail: MailSettings | None
    files: FilesSettings | None
    openai: OpenAISettings | None
    bulk_per_second: int
    webhook_networks: tuple[str, ...]
    periods: Periods
    warnings: tuple[str, ...]
    secret_key: str = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(repr=False)
    database_url: str | None = field(repr=False)
    redis_url: str | None = field(repr=False)


def load(environ: Mapping[str, str]) -> Settings:
    """Read and check the environment.

    Without SECRET_KEY one is made at first and kept in STATE_DIR/secret_key, mode 0600.
    Raises SettingsError with every fault found.
    """
    v: dict[str, Any]
    v, faults = read(environ)
    faults += cross_checks.faults(v)
    key_names = ("SECRET_KEY", "SECRET_KEY_FILE")
    if v["STATE_DIR"] and not any(environ.get(name, "").strip() for name in key_names):
        try:
            v["SECRET_KEY"] = kept_key(v["STATE_DIR"])
        except (OSError, ValueError) as error:
            faults.append(f"SECRET_KEY: give one, or repair STATE_DIR/secret_key ({error})")
    if faults:
        raise SettingsError(faults)

    return Settings(
        public_url=v["PUBLIC_URL"] or f"http://localhost:{v['PORT']}",
        port=v["PORT"],
        secret_key=v["SECRET_KEY"],
        secret_key_fallbacks=v["SECRET_KEY_FALLBACKS"] or (),
        database_url=v["DATABASE_URL"],
        redis_url=v["REDIS_URL"],
        state_dir=v["STATE_DIR"],
        default_locale=v["DEFAULT_LOCALE"],
        shop_name=v["SHOP_NAME"],
        shop_timezone=v["SHOP_TIMEZONE"],
        currency=v["CURRENCY"],
        log_format=v["LOG_FORMAT"],
        web_workers=v["WEB_WORKERS"],
        trusted_proxies=v["TRUSTED_PROXIES"],
        chatwoot=ChatwootSettings(
            url=v["CHATWOOT_URL"],
            account_id=v["CHATWOOT_ACCOUNT_ID"],
            api_token=v["CHATWOOT_API_TOKEN"],
            webhook_secrets=v["CHATWOOT_WEBHOOK_SECRET"] or (),
            webhook_token=v["CHATWOOT_WEBHOOK_TOKEN"],
            bot_token=v["CHATWOOT_BOT_TOKEN"],
            bot_secrets=v["CHATWOOT_BOT_SECRET"] or (),
            website_token=v["CHATWOOT_WEBSITE_TOKEN"],
            hmac_token=v["CHATWOOT_HMAC_TOKEN"],
            rate_per_second=v["CHATWOOT_RATE_PER_SECOND"],
        ),
        stripe=StripeSettings(
            secret_key=v["STRIPE_SECRET_KEY"],
            webhook_secrets=v["STRIPE_WEBHOOK_SECRET"] or (),
            api_base=v["STRIPE_API_BASE"],
        )
        if v["STRIPE_SECRET_KEY"]
        else None,
        twilio=TwilioSettings(
            account_sid=v["TWILIO_ACCOUNT_SID"],
            auth_tokens=v["TWILIO_AUTH_TOKEN"],
            sms_from=v["TWILIO_FROM"],
            whatsapp_from=v["TWILIO_WHATSAPP_FROM"],
            api_base=v["TWILIO_API_BASE"],
        )
        if v["TWILIO_ACCOUNT_SID"] and v["TWILIO_AUTH_TOKEN"]
        else None,
        mail=MailSettings(
            smtp_url=v["SMTP_URL"],
            mail_from=v["MAIL_FROM"],
            reply_to=v["MAIL_REPLY_TO"],
            bounce_url=v["BOUNCE_IMAP_URL"],
        )
        if v["SMTP_URL"] and v["MAIL_FROM"]
        else None,
        files=_files(v),
        openai=OpenAISettings(
            api_key=v["OPENAI_API_KEY"], base_url=v["OPENAI_BASE_URL"], model=v["OPENAI_MODEL"]
        )
        if v["OPENAI_API_KEY"]
        else None,
        bulk_per_second=v["BULK_PER_SECOND"],
        webhook_networks=v["WEBHOOK_PRIVATE_NETWORKS"] or (),
        periods=Periods(
            lease_seconds=v["LEASE_SECONDS"],
            heartbeat_seconds=v["HEARTBEAT_SECONDS"] or v["LEASE_SECONDS"] / 4,
            sweep_seconds=v["SWEEP_SECONDS"],
            settle_seconds=v["SETTLE_SECONDS"],
            reconcile_seconds=v["RECONCILE_SECONDS"],
            retry_ladder=v["RETRY_LADDER"],
            outgoing_timeout_seconds=v["OUTGOING_TIMEOUT_SECONDS"],
            hold_seconds=v["HOLD_SECONDS"],
        ),
        warnings=cross_checks.warnings(v, environ),
    )


def _files(v: Mapping[str, Any]) -> FilesSettings | None:
    bucket = v["FILES_URL"]
    if bucket is None:
        return None
    return FilesSettings(
        bucket=bucket.name,
        prefix=bucket.prefix,
        endpoint=bucket.endpoint,
        region=bucket.region,
        access_key_id=v["S3_ACCESS_KEY_ID"],
        secret_access_key=v["S3_SECRET_ACCESS_KEY"],
    )
