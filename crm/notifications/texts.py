"""Message texts: `templates/<locale>/<name>.<channel>`, Jinja with no missing variables allowed.

Whether all of them are there and ask for nothing that nobody gives is left to `proofreading.py`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, meta
from jinja2.sandbox import SandboxedEnvironment

from crm.notifications import markdown

TEMPLATES = Path(__file__).parent / "templates"
LOCALES = tuple(sorted(folder.name for folder in TEMPLATES.iterdir() if folder.is_dir()))
FALLBACK = "en"
NOTE = "note_"
# Where a language is spoken in several ways, the way dates and numbers are written.
REGIONS = {"en": "en_GB", "pt": "pt_PT"}
# What people write at length; all other values are one line, so that none can pose as a line of ours.
_AT_LENGTH = frozenset(("body", "comment", "internal_note", "note", "reason", "words"))
_BREAKS = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
# Control signs, and turns of the writing direction that would go on behind the value.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

log = logging.getLogger(__name__)


@cache
def environment(folder: Path = TEMPLATES) -> SandboxedEnvironment:
    made = SandboxedEnvironment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.filters["quoted"] = markdown.quoted
    return made


@cache
def _for_agents() -> Environment:
    """Of notes, which are Markdown: no value can pose as a sign of ours."""
    return environment().overlay(finalize=markdown.plain)


def closest(*wishes: str | None) -> str:
    """The first wished locale we have words in: `pt-BR` and `pt_BR` read as `pt`."""
    for wish in wishes:
        language = (wish or "").replace("_", "-").split("-")[0].lower()
        if language in LOCALES:
            return language
    return FALLBACK


def render(locale: str, name: str, channel: str, values: Mapping[str, Any]) -> str:
    """Raises jinja2.UndefinedError when a variable is missing: never a blank in a customer's message."""
    path = f"{locale}/{name}.{channel}"
    log.debug("%s is made of %s", path, sorted(values))
    cleaned = {key: _clean(value, key in _AT_LENGTH) for key, value in values.items()}
    made = _for_agents() if name.startswith(NOTE) else environment()
    return made.get_template(path).render(cleaned).strip()


def short(locale: str, name: str, values: Mapping[str, Any]) -> str | None:
    """The shorter words for a text message; None where there are none. Raises as `render`."""
    if not (TEMPLATES / locale / f"{name}.sms").exists():
        return None
    return render(locale, name, "sms", values)


@cache
def names() -> frozenset[str]:
    """Of every message customers get; notes for agents apart."""
    found = {path.stem for path in (TEMPLATES / FALLBACK).glob("[a-z]*.chat")}
    return frozenset(name for name in found if not name.startswith(NOTE))


@cache
def variables(name: str) -> frozenset[str]:
    """What the message of this name is made of. name: one of `names()`."""
    source = (TEMPLATES / FALLBACK / f"{name}.chat").read_text("utf-8")
    return frozenset(meta.find_undeclared_variables(environment().parse(source)))


def _clean(value: Any, is_at_length: bool) -> Any:
    if isinstance(value, str):
        if not is_at_length:
            value = _BREAKS.sub(" ", value)
        return _UNSEEN.sub("", value)
    if isinstance(value, Mapping):
        return {key: _clean(part, key in _AT_LENGTH) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(part, is_at_length) for part in value]
    return value
