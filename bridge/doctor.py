"""What `doctor` checks, in the order in which faults should be mended; each line says what to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import requests
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text

import migrations
from bridge.integrations.files.place import file_store
from bridge.integrations.mail import doctor as mail_doctor
from bridge.integrations.stripe import doctor as stripe_doctor
from bridge.integrations.twilio import doctor as twilio_doctor
from chatwoot import doctor as chatwoot_doctor
from chatwoot import provision
from chatwoot.provision import Learned
from crm.core import ops
from crm.core.checks import Check
from crm.core.errors import Temporary
from crm.core.uow import DATABASE_FAULTS
from crm.files.store import KEY_SIGNS
from crm.notifications import proofreading
from crm.texting import templates

if TYPE_CHECKING:
    from app import Mendline

SECONDS = 5.0
DRIFT_WARN, DRIFT_FAIL = 2.0, 60.0


def checks(parts: Mendline, learned: Learned) -> list[Check]:
    settings = parts.settings
    found = [*_settings(parts), *_database(parts), _redis(parts), _messages()]
    manifest = provision.load_manifest(timezone=settings.shop_timezone)
    found += chatwoot_doctor.checks(
        parts.client,
        public_url=settings.public_url,
        manifest=manifest,
        learned=learned,
        webhook_secrets=settings.chatwoot.webhook_secrets,
        webhook_token=settings.chatwoot.webhook_token,
    )
    found += stripe_doctor.checks(settings.stripe, settings.public_url)
    found += [_twilio(parts), _whatsapp(parts)]
    found += [
        mail_doctor.check(settings.mail),
        mail_doctor.check_answers(settings.mail),
        mail_doctor.check_bounces(settings.mail),
    ]
    return [*found, _files(parts), _openai(parts)]


def trials(parts: Mendline, *, mail_to: str | None, text_to: str | None) -> Iterator[Check]:
    """Send a test message to each address that is given."""
    settings = parts.settings
    if mail_to is not None:
        yield mail_doctor.send_test(settings.mail, settings.shop_name, mail_to)
    if text_to is not None:
        yield twilio_doctor.send_test(
            settings.twilio, settings.public_url, settings.shop_name, text_to
        )


def _settings(parts: Mendline) -> Iterator[Check]:
    settings = parts.settings
    if parts.settings.warnings:
        yield from (Check("settings", "warn", line) for line in settings.warnings)
    else:
        yield Check("settings", "ok", "all settings are readable")
    if settings.public_url.startswith("http://") and "localhost" not in settings.public_url:
        yield Check("settings.public_url", "warn", "PUBLIC_URL is not https",
                    "Put a TLS proxy in front and set PUBLIC_URL to its https address.")  # fmt: skip


def _database(parts: Mendline) -> Iterator[Check]:
    try:
        with parts.engine.connect() as connection:
            version = connection.execute(text("SHOW server_version")).scalar()
            is_current = migrations.is_current(connection)
        with parts.units() as uow:
            now = ops.snapshot(uow)
    except DATABASE_FAULTS as error:
        cause = getattr(error, "orig", None) or error
        yield Check("database", "fail", f"not reachable: {type(cause).__name__}",
                    "Check DATABASE_URL and that PostgreSQL runs.")  # fmt: skip
        return
    yield Check("database", "ok", f"PostgreSQL {version}")
    if is_current:
        yield Check("database.schema", "ok", "up to date")
    else:
        yield Check("database.schema", "fail", "not up to date", "Run app.py migrate.")
    drift = abs(now.drift_seconds)
    state = "fail" if drift > DRIFT_FAIL else "warn" if drift > DRIFT_WARN else "ok"
    todo = "" if state == "ok" else "Run an NTP client on both machines."
    yield Check("clock", state, f"{drift:.1f} s from the database's clock", todo)
    if now.dead or now.unsure:
        yield Check("rows", "warn", f"{now.dead} dead, {now.unsure} unsure",
                    "Look at them: app.py dead list, or /admin.")  # fmt: skip


def _redis(parts: Mendline) -> Check:
    if not parts.redis_url:
        return Check("redis", "off", "the scheduler runs waiting work itself",
                     "Set REDIS_URL, or install redis-server, for faster work.")  # fmt: skip
    try:
        connection = Redis.from_url(parts.redis_url, socket_timeout=SECONDS)
        policy = connection.config_get("maxmemory-policy").get("maxmemory-policy")
    except RedisError as error:
        return Check("redis", "fail", f"not reachable: {type(error).__name__}",
                     "Check REDIS_URL; until then work goes on, more slowly.")  # fmt: skip
    if policy not in (None, "noeviction"):
        return Check("redis", "warn", f"maxmemory-policy is {policy}",
                     "Set maxmemory-policy noeviction.")  # fmt: skip
    return Check("redis", "ok", "reachable, evicts nothing")


def _messages() -> Check:
    if faults := proofreading.faults():
        return Check("messages", "fail", "; ".join(faults[:3]),
                     "Mend these templates, or put back those of this release.")  # fmt: skip
    return Check("messages", "ok", "every template is there and asks for nothing unknown")


def _twilio(parts: Mendline) -> Check:
    told = parts.settings.twilio
    if told is None:
        return Check("twilio", "off", "no SMS or WhatsApp",
                     "Set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM.")  # fmt: skip
    url = f"{told.api_base}/2010-04-01/Accounts/{told.account_sid}.json"
    return _ask("twilio", url, auth=(told.account_sid, told.auth_token),
                todo="Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.")  # fmt: skip


def _whatsapp(parts: Mendline) -> Check:
    told = parts.settings.twilio
    if told is None or told.whatsapp_from is None:
        return Check("whatsapp", "off", "nothing by WhatsApp", "Set TWILIO_WHATSAPP_FROM.")
    try:
        with parts.units() as uow:
            count = len(templates.told(uow, told.whatsapp_from))
    except DATABASE_FAULTS as error:
        return Check("whatsapp", "fail", f"no templates readable: {type(error).__name__}",
                     "Mend the database first, see above.")  # fmt: skip
    if not count:
        return Check("whatsapp", "warn", "no approved template: outside 24 hours SMS is used instead",
                     "Store them with PUT /api/v1/whatsapp-templates, or in Chatwoot's inbox.")  # fmt: skip
    return Check("whatsapp", "ok", f"{count} approved templates")


def _files(parts: Mendline) -> Check:
    where = "in a bucket" if parts.settings.files else "on disk"
    try:
        file_store(parts.settings).source("0" * KEY_SIGNS, "none")
    except FileNotFoundError:
        return Check("files", "ok", f"kept {where}")
    except Temporary as error:
        return Check("files", "fail", error.detail,
                     "Check FILES_URL, its two keys, and that they may list, read and write.")  # fmt: skip
    raise AssertionError("a file of this name is never made")


def _openai(parts: Mendline) -> Check:
    told = parts.settings.openai
    if told is None:
        return Check("openai", "off", "no AI replies", "Set OPENAI_API_KEY.")
    return _ask("openai", f"{told.base_url}/models", todo="Check OPENAI_API_KEY.",
                headers={"Authorization": f"Bearer {told.api_key}"})  # fmt: skip


def _ask(name: str, url: str, *, todo: str, **kwargs: object) -> Check:
    started = time.monotonic()
    try:
        answer = requests.get(url, timeout=SECONDS, allow_redirects=False, **kwargs)
    except requests.RequestException as error:
        return Check(name, "fail", f"not reachable: {type(error).__name__}", todo)
    if answer.status_code != 200:
        return Check(name, "fail", f"answers {answer.status_code}", todo)
    return Check(name, "ok", f"answers in {time.monotonic() - started:.1f} s")
