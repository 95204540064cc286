"""Settings: what is refused, what is told, what is hidden."""

import multiprocessing
import stat

import pytest

from bridge.settings import VARIABLES, SettingsError, load

KEY = "4b1f8c02d97e6a35e0b7c94f12d86a3c71"
OTHER = "9d27e1f6a8035bc4d16f90ab37e5c82d13"
CHATWOOT_SECRET = "Zk3vQ9wT1mXy7LrB5nHc2DsG"


def settings(**given):
    return load({"SECRET_KEY": KEY, **given})


def faults(**given):
    with pytest.raises(SettingsError) as refused:
        settings(**given)
    return refused.value.faults


def test_defaults():
    got = settings()
    assert (got.public_url, got.port, got.shop_timezone) == (
        "http://localhost:8000",
        8000,
        "Europe/London",
    )
    assert (got.database_url, got.redis_url) == (None, None)
    assert (got.stripe, got.twilio, got.mail, got.openai) == (None, None, None, None)
    assert not got.chatwoot.is_connected
    assert got.periods.heartbeat_seconds == 15
    assert got.periods.retry_ladder == (5, 30, 120, 600, 1800, 7200, 18000, 36000, 86400)
    assert got.warnings == ()


def test_every_integration_is_built_from_its_variables():
    got = settings(
        CHATWOOT_URL="https://chat.example.com/",
        CHATWOOT_ACCOUNT_ID="7",
        CHATWOOT_API_TOKEN="token-of-mendline",
        STRIPE_SECRET_KEY="sk_live_1a2b",
        STRIPE_WEBHOOK_SECRET="whsec_new, whsec_old",
        TWILIO_ACCOUNT_SID="AC0123",
        TWILIO_AUTH_TOKEN="t0k3n",
        TWILIO_FROM="+447700900123",
        SMTP_URL="smtp://mail:25",
        MAIL_FROM="Shop <shop@example.com>",
        MAIL_REPLY_TO="chat@example.com",
        OPENAI_API_KEY="sk-1a2b",
        OPENAI_BASE_URL="http://localhost:9/v1/",
    )
    assert got.chatwoot.is_connected
    assert (got.chatwoot.url, got.chatwoot.account_id) == ("https://chat.example.com", 7)
    assert got.stripe.webhook_secrets == ("whsec_new", "whsec_old")
    assert (got.twilio.sms_from, got.twilio.whatsapp_from) == ("+447700900123", None)
    assert (got.mail.mail_from, got.mail.reply_to) == (
        "Shop <shop@example.com>",
        "chat@example.com",
    )
    assert got.openai.base_url == "http://localhost:9/v1"
    assert got.warnings == ()


def test_all_faults_are_told_together_and_quote_no_value():
    found = faults(
        PORT="hunter2",
        CURRENCY="pounds",
        SHOP_TIMEZONE="../etc/passwd",
        SECRET_KEY="hunter2",
        LEASE_SECONDS="10",
        HEARTBEAT_SECONDS="10",
    )
    assert [fault.partition(":")[0] for fault in found] == [
        "PORT",
        "SECRET_KEY",
        "SHOP_TIMEZONE",
        "CURRENCY",
        "HEARTBEAT_SECONDS",
    ]
    assert "hunter2" not in str(SettingsError(list(found)))


def test_empty_means_not_set():
    assert settings(**{v.name: "" for v in VARIABLES if v.name != "SECRET_KEY"}) == settings()


def test_webhook_secrets_count_without_an_address():
    got = settings(CHATWOOT_WEBHOOK_SECRET=f"{CHATWOOT_SECRET},{KEY}").chatwoot
    assert got.webhook_secrets == (CHATWOOT_SECRET, KEY)
    assert not got.is_connected


def test_half_given_integrations_are_off_with_a_warning():
    got = settings(CHATWOOT_URL="http://chat", MAIL_FROM="a@example.com", TWILIO_AUTH_TOKEN="t0k")
    assert (got.mail, got.twilio, got.chatwoot.is_connected) == (None, None, False)
    assert len(got.warnings) == 3


def test_mass_messages_that_use_up_the_calls_to_chatwoot_are_a_warning():
    given = {"CHATWOOT_URL": "http://chat", "CHATWOOT_API_TOKEN": "t0k", "BULK_PER_SECOND": "11"}
    assert settings(**given).warnings == (
        "BULK_PER_SECOND is more than half of CHATWOOT_RATE_PER_SECOND",
    )
    assert settings(**given, CHATWOOT_RATE_PER_SECOND="22").warnings == ()
    assert settings(BULK_PER_SECOND="11").bulk_per_second == 11


def test_a_likely_typo_is_a_warning_with_a_hint():
    got = settings(CHATWOOT_API_TOKN="x", OPENAI_ORG="x", DATABASE_URI="x", PATH="/bin", HOME="/")
    assert got.warnings == (
        "CHATWOOT_API_TOKN is not a setting; did you mean CHATWOOT_API_TOKEN?",
        "DATABASE_URI is not a setting; did you mean DATABASE_URL?",
        "OPENAI_ORG is not a setting",
    )


def test_secrets_come_from_files(tmp_path):
    (tmp_path / "key").write_text(f"{KEY}\n")
    assert load({"SECRET_KEY_FILE": str(tmp_path / "key")}).secret_key == KEY


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff" * 40, b"two\nlines" * 9, b"short"])
def test_bad_secret_files_are_refused(tmp_path, content):
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match="SECRET_KEY: "):
        load({"SECRET_KEY_FILE": str(path), "STATE_DIR": str(tmp_path / "state")})
    assert not (tmp_path / "state").exists()


def test_a_secret_and_its_file_together_are_refused(tmp_path):
    (tmp_path / "key").write_text(KEY)
    (fault,) = faults(SECRET_KEY_FILE=str(tmp_path / "key"))
    assert fault == "SECRET_KEY: SECRET_KEY and SECRET_KEY_FILE are both set; keep one"


def test_only_secrets_come_from_files(tmp_path):
    (tmp_path / "name").write_text("Fixers")
    got = settings(SHOP_NAME_FILE=str(tmp_path / "name"))
    assert got.shop_name == "Mendline"
    assert got.warnings == ("SHOP_NAME_FILE is not a setting",)


def test_repr_hides_every_secret():
    marks = {
        "SECRET_KEY": KEY,
        "SECRET_KEY_FALLBACKS": OTHER,
        "DATABASE_URL": "postgresql://u:HIDDEN1@h/d",
        "REDIS_URL": "redis://:HIDDEN2@h",
        "CHATWOOT_WEBHOOK_SECRET": "HIDDEN3" + KEY,
        "CHATWOOT_WEBHOOK_TOKEN": "HIDDEN4" + KEY,
        "CHATWOOT_BOT_SECRET": "HIDDEN5" + KEY,
        "CHATWOOT_HMAC_TOKEN": "HIDDEN6" + KEY,
        "CHATWOOT_API_TOKEN": "HIDDEN7",
        "CHATWOOT_BOT_TOKEN": "HIDDEN8",
        "STRIPE_SECRET_KEY": "HIDDEN9",
        "STRIPE_WEBHOOK_SECRET": "HIDDEN10",
        "TWILIO_AUTH_TOKEN": "HIDDEN11",
        "SMTP_URL": "smtp://u:HIDDEN12@h",
        "OPENAI_API_KEY": "HIDDEN13",
        "S3_ACCESS_KEY_ID": "HIDDEN14",
        "S3_SECRET_ACCESS_KEY": "HIDDEN15",
        "BOUNCE_IMAP_URL": "imaps://u:HIDDEN16@h/INBOX",
    }
    assert marks.keys() == {v.name for v in VARIABLES if v.secret}
    rest = {
        "TWILIO_ACCOUNT_SID": "AC0123",
        "MAIL_FROM": "a@example.com",
        "FILES_URL": "s3://files",
    }
    got = load(marks | rest)
    assert None not in (got.stripe, got.twilio, got.mail, got.openai, got.files)
    for text in (repr(got), str(got), f"{got.chatwoot}", f"{got.stripe}"):
        assert "HIDDEN" not in text and KEY not in text and OTHER not in text


@pytest.mark.parametrize(
    "weak",
    [
        "changeme",
        "change-me-please-change-me-please-1",
        "secret",
        "Password",
        "dev",
        "x" * 64,
        "abcd" * 16,
        KEY[:31],
    ],
)
@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS", "CHATWOOT_WEBHOOK_TOKEN"])
def test_weak_own_secrets_refuse_the_start(name, weak):
    (fault,) = faults(**{name: weak})
    assert fault.startswith(f"{name}: ") and weak not in fault


@pytest.mark.parametrize(
    "name", ["CHATWOOT_WEBHOOK_SECRET", "CHATWOOT_BOT_SECRET", "CHATWOOT_HMAC_TOKEN"]
)
def test_chatwoots_own_secrets_have_24_characters(name):
    assert settings(**{name: CHATWOOT_SECRET})
    assert faults(**{name: CHATWOOT_SECRET[:23]})


@pytest.mark.parametrize("name", ["STRIPE_SECRET_KEY", "TWILIO_AUTH_TOKEN", "OPENAI_API_KEY"])
def test_vendor_secrets_may_be_short_but_not_known(name):
    assert settings(**{name: "k3y"})
    assert faults(**{name: "changeme"})


def test_a_missing_key_is_made_once_and_kept_private(tmp_path):
    state = tmp_path / "new" / "state"
    first = load({"STATE_DIR": str(state)}).secret_key
    assert len(first) == 64
    assert load({"STATE_DIR": str(state), "SECRET_KEY": " "}).secret_key == first
    assert stat.S_IMODE((state / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in state.iterdir()] == ["secret_key"]


def _key(state_dir: str) -> str:
    return load({"STATE_DIR": state_dir}).secret_key


def test_processes_that_start_together_keep_one_key(tmp_path):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        keys = pool.map(_key, [str(tmp_path / "state")] * 16, chunksize=1)
    assert len(set(keys)) == 1


def test_a_kept_key_that_others_can_read_is_refused(tmp_path):
    _key(str(tmp_path))
    (tmp_path / "secret_key").chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        _key(str(tmp_path))


def test_an_unusable_state_dir_asks_for_a_key(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="SECRET_KEY: give one"):
        _key(str(tmp_path / "file" / "state"))


def test_a_short_lease_brings_its_heartbeat_along():
    assert settings(LEASE_SECONDS="2").periods.heartbeat_seconds == 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "８０００"),
        ("PORT", "+80"),
        ("PORT", "8_000"),
        ("PORT", "9" * 5000),
        ("TRUSTED_PROXIES", "-1"),
        ("WEB_WORKERS", "0"),
        ("CHATWOOT_ACCOUNT_ID", "0"),
        ("CHATWOOT_RATE_PER_SECOND", "0"),
        ("BULK_PER_SECOND", "0"),
        ("BULK_PER_SECOND", "101"),
        ("LEASE_SECONDS", "0"),
        ("SWEEP_SECONDS", "nan"),
        ("SWEEP_SECONDS", "inf"),
        ("SWEEP_SECONDS", "1e1"),
        ("HOLD_SECONDS", "-1"),
        ("OUTGOING_TIMEOUT_SECONDS", "0"),
        ("RETRY_LADDER", "5,,30"),
        ("RETRY_LADDER", "5;30"),
        ("RETRY_LADDER", "86401"),
        ("RETRY_LADDER", ",".join(["1"] * 21)),
        ("CURRENCY", "gbp"),
        ("CURRENCY", "GBP\n;"),
        ("DEFAULT_LOCALE", "de"),
        ("LOG_FORMAT", "xml"),
        ("SHOP_TIMEZONE", "Europe"),
        ("SHOP_TIMEZONE", "Mars/Base"),
        ("SHOP_NAME", "x" * 81),
        ("SHOP_NAME", "Fix\x00it"),
        ("SHOP_NAME", "Fix\r\nBcc: all"),
        ("SHOP_NAME", "\udcff"),
        ("SECRET_KEY_FALLBACKS", f"{OTHER},,{KEY}"),
        ("CHATWOOT_WEBHOOK_SECRET", ",".join([KEY, OTHER, KEY[::-1]])),
        ("CHATWOOT_WEBHOOK_TOKEN", KEY + "/../x"),
        ("CHATWOOT_URL", "chat.example.com"),
        ("CHATWOOT_URL", "ftp://chat"),
        ("CHATWOOT_URL", "http://"),
        ("CHATWOOT_URL", "http://u:p@chat"),
        ("CHATWOOT_URL", "http://chat/path"),
        ("CHATWOOT_URL", "http://chat?x=1"),
        ("CHATWOOT_URL", "http://chat#x"),
        ("CHATWOOT_URL", "http://chat:99999"),
        ("CHATWOOT_URL", "http://chat:0"),
        ("CHATWOOT_URL", "http://[::1"),
        ("CHATWOOT_URL", "http://ch at"),
        ("CHATWOOT_URL", "http://chat\\@evil"),
        ("CHATWOOT_URL", "http://chat\t.example"),
        ("PUBLIC_URL", "javascript:alert(1)"),
        ("DATABASE_URL", "postgres://h/d"),
        ("DATABASE_URL", "sqlite:///x"),
        ("DATABASE_URL", "postgresql://"),
        ("REDIS_URL", "http://h"),
        ("SMTP_URL", "smtp:///x"),
        ("SMTP_URL", "mail:25"),
        ("BOUNCE_IMAP_URL", "imaps:///INBOX"),
        ("BOUNCE_IMAP_URL", "pop3://u:p@h"),
        ("MAIL_FROM", "a@b, c@d"),
        ("MAIL_FROM", "nobody"),
        ("TWILIO_FROM", "07700"),
        ("TWILIO_ACCOUNT_SID", "../AC"),
        ("OPENAI_MODEL", "a b"),
        ("FILES_URL", "s3://"),
        ("FILES_URL", "s3://B_cket"),
        ("FILES_URL", "s3://files/../../x"),
        ("FILES_URL", "s3://files?endpoint=file:///etc"),
        ("FILES_URL", "s3://files?region=EU%0A"),
        ("FILES_URL", "s3://key:secret@files"),
        ("FILES_URL", "s3://files?acl=public-read"),
        ("FILES_URL", "https://files.example.com"),
    ],
)
def test_hostile_and_wrong_values_are_one_fault_each(name, value):
    (fault,) = faults(**{name: value})
    assert fault.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql:///mendline?host=/run/pg"),
        ("DATABASE_URL", "postgresql+psycopg://u:p%40@[::1]:5432/d"),
        ("REDIS_URL", "unix:///run/redis.sock"),
        ("REDIS_URL", "rediss://:p@h:6380/1"),
        ("CHATWOOT_URL", "http://[::1]:3000"),
        ("CHATWOOT_URL", "http://chatwoot_web:3000"),
        ("SHOP_NAME", "Conserta Já"),
        ("RETRY_LADDER", "0"),
        ("RETRY_LADDER", "0.2, 1"),
        ("HOLD_SECONDS", "0"),
        ("TWILIO_FROM", "FIXERS"),
        ("TWILIO_WHATSAPP_FROM", "+447700900123"),
    ],
)
def test_unusual_but_right_values_are_taken(name, value):
    assert settings(**{name: value})


def test_a_bucket_for_files_needs_its_keys():
    url = "s3://quay-files/mendline?endpoint=https://s3.example.com/&region=eu-west-2"
    assert [fault.split(":")[0] for fault in faults(FILES_URL=url)] == [
        "S3_ACCESS_KEY_ID",
        "S3_SECRET_ACCESS_KEY",
    ]
    got = settings(FILES_URL=url, S3_ACCESS_KEY_ID="AKID42", S3_SECRET_ACCESS_KEY="HIDDEN42").files
    assert (got.bucket, got.prefix, got.region) == ("quay-files", "mendline", "eu-west-2")
    assert got.endpoint == "https://s3.example.com"
    assert "HIDDEN42" not in repr(got)
    assert settings().files is None
