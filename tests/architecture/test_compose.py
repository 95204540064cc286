"""The container files keep their promises: pinned, checked, unprivileged, no default secrets.

Each check is a function from parsed files to a list of problems. It is run on the real files,
where it must find none, and on a small bad sample, where it must find something.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from bridge.settings import VARIABLES, load

ROOT = Path(__file__).parents[2]
TABLE = {variable.name: variable for variable in VARIABLES}
SECRET_NAME = re.compile(r"SECRET|PASSWORD|TOKEN|_KEY$|AUTH$")
MENDLINE = ("docker-compose.yml", ".env.example")
CHATWOOT = ("docker-compose.chatwoot.yml", ".env.chatwoot.example")


def read_compose(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text())


def resolve(text: str, given: dict[str, str] | None = None) -> str:
    """Fill ${NAME}, ${NAME:-default} and ${NAME:?why} from `given`, innermost first."""

    def value(match: re.Match) -> str:
        return (given or {}).get(match[1]) or match[2] or ""

    before = None
    while before != text:
        before, text = text, re.sub(r"\$\{(\w+)(?::?-([^${}]*)|:?\?[^${}]*)?\}", value, text)
    return text


def services(compose: dict):
    return compose["services"].items()


def environment(service: dict) -> dict[str, str | None]:
    return service.get("environment") or {}


def is_pinned(image: str) -> bool:
    tag = image.rpartition("/")[2].partition(":")[2]
    return "latest" not in tag and re.search(r"\d+\.\d+", tag) is not None


def unpinned_images(compose: dict) -> list[str]:
    return [
        name
        for name, service in services(compose)
        if "build" not in service and not is_pinned(resolve(service["image"]))
    ]


def missing_healthchecks(compose: dict) -> list[str]:
    """Long-running services, that is all but those started once, that nobody looks after."""
    return [
        name
        for name, service in services(compose)
        if service.get("restart") != "no"
        and (
            not service.get("healthcheck", {}).get("test") or service["healthcheck"].get("disable")
        )
    ]


def wrong_variables(compose: dict) -> list[str]:
    """Names our own services get that are not settings, and settings they do not get."""
    return [
        f"{name}: {variable}"
        for name, service in services(compose)
        if "build" in service
        for variable in environment(service).keys() ^ TABLE.keys()
    ]


def literal_secrets(compose: dict) -> list[str]:
    """Secrets with a value when nobody gave one; an address may stand, but not its password."""
    found = []
    for name, service in services(compose):
        for variable, value in environment(service).items():
            is_secret = variable in TABLE and TABLE[variable].secret
            if value is None or not (is_secret or SECRET_NAME.search(variable)):
                continue
            text = resolve(str(value))
            if urlsplit(text).password if "://" in text else text:
                found.append(f"{name}: {variable}")
    return found


def open_ports(compose: dict) -> list[str]:
    return [
        f"{name}: {port}"
        for name, service in services(compose)
        for port in service.get("ports", [])
        if (
            port.get("host_ip")
            if isinstance(port, dict)
            else str(port).rpartition(":")[0].partition(":")[0]
        )
        != "127.0.0.1"
    ]


def too_much_power(compose: dict) -> list[str]:
    return [
        name
        for name, service in services(compose)
        if str(service.get("user", "")).partition(":")[0] in ("0", "root")
        or service.get("privileged")
        or service.get("network_mode") == "host"
        or "no-new-privileges:true" not in service.get("security_opt", [])
    ]


def dockerfile_faults(text: str) -> list[str]:
    faults = [
        f"unpinned: {image}"
        for image in re.findall(r"^FROM (\S+)", text, re.M)
        if not is_pinned(image)
    ]
    final = re.split(r"^FROM ", text, flags=re.M)[-1]
    users = re.findall(r"^USER (\S+)", final, re.M)
    if not users or users[-1].partition(":")[0] in ("0", "root"):
        faults.append("runs as root")
    if not re.search(r"^HEALTHCHECK (?!NONE)", final, re.M):
        faults.append("no healthcheck")
    return faults


def example_lines(text: str) -> dict[str, str]:
    """NAME -> value of each line, also of those commented out to show a default."""
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", text, re.M))


def example_faults(text: str, compose_text: str, table: dict) -> list[str]:
    """Where an example differs from what its compose file and the table of settings ask for."""
    compose = yaml.safe_load(compose_text)
    code = re.sub(r"^\s*#.*$", "", compose_text, flags=re.M)
    asked = (
        set(re.findall(r"\$\{(\w+)", code))
        | table.keys()
        | {
            name
            for _, service in services(compose)
            for name, value in environment(service).items()
            if value is None
        }
    )
    shown = example_lines(text)
    faults = [f"differs: {name}" for name in asked ^ shown.keys()]
    for name, value in shown.items():
        is_secret = name in table and table[name].secret
        if value and (is_secret or SECRET_NAME.search(name)):
            faults.append(f"usable secret: {name}")
        if name in table and table[name].default not in ("", value):
            faults.append(f"other default: {name}")
    faults += [f"not empty: {name}" for name in re.findall(r"^([A-Z]\w*)=.", text, re.M)]
    return faults


def service(**parts) -> dict:
    return {"services": {"bad": parts}}


CHECKS = [
    (unpinned_images, service(image="redis")),
    (unpinned_images, service(image="redis:latest")),
    (unpinned_images, service(image="registry:5000/redis")),
    (unpinned_images, service(image="redis:${VERSION}")),
    (unpinned_images, service(image="redis:${VERSION:-latest}")),
    (missing_healthchecks, service(image="redis:7.4.5")),
    (missing_healthchecks, service(healthcheck={"test": ["CMD", "true"], "disable": True})),
    (wrong_variables, service(build=".", environment=dict.fromkeys([*TABLE, "CHATWOOT_TOKEN"]))),
    (wrong_variables, service(build=".", environment=dict.fromkeys(list(TABLE)[1:]))),
    (literal_secrets, service(environment={"SECRET_KEY": "f3b1" * 16})),
    (literal_secrets, service(environment={"POSTGRES_PASSWORD": "${POSTGRES_PASSWORD:-open}"})),
    (literal_secrets, service(environment={"DATABASE_URL": "postgresql://me:open@db/x"})),
    (open_ports, service(ports=["8000:8000"])),
    (open_ports, service(ports=["8000"])),
    (open_ports, service(ports=["0.0.0.0:${PORT:-8000}:8000"])),
    (open_ports, service(ports=[{"published": 8000, "target": 8000}])),
    (too_much_power, service(user="root", security_opt=["no-new-privileges:true"])),
    (too_much_power, service(user="0:0", security_opt=["no-new-privileges:true"])),
    (too_much_power, service(privileged=True, security_opt=["no-new-privileges:true"])),
    (too_much_power, service(user="app")),
]


@pytest.mark.parametrize("check", dict.fromkeys(check for check, _ in CHECKS))
@pytest.mark.parametrize("name", [MENDLINE[0], CHATWOOT[0]])
def test_the_real_files_pass(check, name):
    assert check(read_compose(name)) == []


@pytest.mark.parametrize(("check", "sample"), CHECKS)
def test_a_bad_sample_is_refused(check, sample):
    assert check(sample) != []


def test_the_dockerfile_passes():
    assert dockerfile_faults((ROOT / "Dockerfile").read_text()) == []


@pytest.mark.parametrize(
    ("sample", "fault"),
    [
        ("FROM python\nUSER app\nHEALTHCHECK CMD true\n", "unpinned: python"),
        (
            "FROM python:3.11.9 AS b\nUSER app\nFROM python:3.11.9\nHEALTHCHECK CMD x\n",
            "runs as root",
        ),
        ("FROM python:3.11.9\nUSER app\nUSER root\nHEALTHCHECK CMD true\n", "runs as root"),
        ("FROM python:3.11.9\nUSER app\nHEALTHCHECK NONE\n", "no healthcheck"),
    ],
)
def test_a_bad_dockerfile_is_refused(sample, fault):
    assert dockerfile_faults(sample) == [fault]


@pytest.mark.parametrize(("compose", "example", "table"), [(*MENDLINE, TABLE), (*CHATWOOT, {})])
def test_the_examples_show_exactly_what_is_read(compose, example, table):
    text = (ROOT / example).read_text()
    assert example_faults(text, (ROOT / compose).read_text(), table) == []


@pytest.mark.parametrize(
    ("example", "fault"),
    [
        ("PORT=\n", "differs: A_PASSWORD"),
        ("A_PASSWORD=\n#PORT=1\nB=\n", "differs: B"),
        ("A_PASSWORD=open\n", "usable secret: A_PASSWORD"),
        ("A_PASSWORD=\n#PORT=1\n", "other default: PORT"),
        ("A_PASSWORD=\nPORT=8000\n", "not empty: PORT"),
    ],
)
def test_a_bad_example_is_refused(example, fault):
    compose = "services: {db: {environment: {P: '${A_PASSWORD:?}', Q: '${PORT}'}}}"
    assert fault in example_faults(example, compose, {"PORT": TABLE["PORT"]})


def test_what_compose_hands_over_is_accepted():
    given = {
        "SECRET_KEY": os.urandom(32).hex(),
        "POSTGRES_PASSWORD": "p" + os.urandom(8).hex(),
        "REDIS_PASSWORD": "r" + os.urandom(8).hex(),
        "PORT": "9000",
    }
    web = read_compose(MENDLINE[0])["services"]["web"]
    settings = load(
        {
            name: resolve(value, given)
            for name, value in environment(web).items()
            if value is not None
        }
    )
    assert (settings.public_url, settings.port) == ("http://localhost:9000", 8000)
    assert given["POSTGRES_PASSWORD"] in settings.database_url
    assert settings.mail.smtp_url == "smtp://mail:1025"
    assert settings.warnings == ()


@pytest.mark.parametrize("name", ["worker", "scheduler"])
def test_the_heartbeat_file_decides_health(name, tmp_path):
    *_, python, _, code = read_compose(MENDLINE[0])["services"][name]["healthcheck"]["test"]
    assert python == "python" and f"/state/{name}.alive" in code

    def is_healthy() -> bool:
        local = code.replace("/state", str(tmp_path))
        return (
            subprocess.run(
                [sys.executable, "-c", local], stderr=subprocess.DEVNULL, check=False
            ).returncode
            == 0
        )

    beat = tmp_path / f"{name}.alive"
    assert not is_healthy()
    beat.touch()
    assert is_healthy()
    os.utime(beat, (time.time() - 61,) * 2)
    assert not is_healthy()
