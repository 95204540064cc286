"""Message texts: `templates/<locale>/<name>.<channel>`, Jinja with no missing variables allowed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, meta
from jinja2.sandbox import SandboxedEnvironment

TEMPLATES = Path(__file__).parent / "templates"
LOCALES = tuple(sorted(folder.name for folder in TEMPLATES.iterdir() if folder.is_dir()))
FALLBACK = "en"
# Where a language is spoken in several ways, the way dates and numbers are written.
REGIONS = {"en": "en_GB", "pt": "pt_PT"}


@cache
def _environment() -> SandboxedEnvironment:
    return SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


def closest(*wishes: str | None) -> str:
    """The first wished locale we have words in: `pt-BR` and `pt_BR` read as `pt`."""
    for wish in wishes:
        language = (wish or "").replace("_", "-").split("-")[0].lower()
        if language in LOCALES:
            return language
    return FALLBACK


def render(locale: str, name: str, channel: str, values: dict[str, Any]) -> str:
    """Raises jinja2.UndefinedError when a variable is missing: never a blank in a customer's message."""
    return _environment().get_template(f"{locale}/{name}.{channel}").render(values).strip()


def short(locale: str, name: str, values: Mapping[str, Any]) -> str | None:
    """The shorter words for a text message; None where there are none. Raises as `render`."""
    if not (TEMPLATES / locale / f"{name}.sms").exists():
        return None
    return render(locale, name, "sms", dict(values))


@cache
def names() -> frozenset[str]:
    """Of every message customers get; notes for agents apart."""
    found = {path.stem for path in (TEMPLATES / FALLBACK).glob("[a-z]*.chat")}
    return frozenset(name for name in found if not name.startswith("note_"))


@cache
def variables(name: str) -> frozenset[str]:
    """What the message of this name is made of. name: one of `names()`."""
    source = (TEMPLATES / FALLBACK / f"{name}.chat").read_text("utf-8")
    return frozenset(meta.find_undeclared_variables(_environment().parse(source)))
