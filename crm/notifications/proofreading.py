"""Whether every message is there in every language and asks for nothing that nobody gives it.

What is given is told by `samples.py`; that the samples tell the truth is proven by tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError, meta

from crm.notifications import samples, texts

# All that is known of a message when its subject is written (bridge/integrations/mail/messages.py).
SUBJECT_VALUES = frozenset(("shop", "ref"))


def faults(folder: Path = texts.TEMPLATES) -> list[str]:
    """One line for each, with the file and the variable; empty when all is well."""
    locales = sorted(path.name for path in folder.iterdir() if path.is_dir())
    files = {locale: {path.name for path in (folder / locale).iterdir()} for locale in locales}
    everywhere = sorted(set().union(*files.values()))
    found = []
    for file in everywhere:
        found += [f"{locale}/{file} is missing" for locale in locales if file not in files[locale]]
        name, _, channel = file.partition(".")
        if name.startswith("_"):
            continue
        if not name.startswith(texts.NOTE) and f"{name}.subject" not in everywhere:
            found.append(f"{file} has no {name}.subject")
        if name not in samples.names():
            found.append(f"{file} has no sample (crm/notifications/data/samples.yaml)")
            continue
        asked = {}
        for locale in locales:
            if file in files[locale]:
                wrong, asked[locale] = _read(folder, locale, name, channel)
                found += wrong
        found += _differences(file, asked)
    return found


def _read(folder: Path, locale: str, name: str, channel: str) -> tuple[list[str], frozenset[str]]:
    """What is wrong with one file, and what it asks for."""
    path = f"{locale}/{name}.{channel}"
    sample = samples.sample(name, locale)
    given = SUBJECT_VALUES if channel == "subject" else frozenset(sample)
    environment = texts.environment(folder)
    try:
        asked = frozenset(_asked(folder, path))
        wrong = [f"{path} asks for {one}, which nobody gives" for one in sorted(asked - given)]
        if not wrong:
            # Parts of values are only missed where they are used.
            values = sample if channel != "subject" else {one: "x" for one in given}
            environment.get_template(path).render(values)
    except TemplateSyntaxError as error:
        return [f"{error.name}, line {error.lineno}: {error.message}"], frozenset()
    except TemplateNotFound as error:
        return [f"{path} includes {error.name}, which is missing"], frozenset()
    except TemplateError as error:
        return [f"{path}: {error}"], frozenset()
    return wrong, asked


def _asked(folder: Path, path: str) -> Iterator[str]:
    environment = texts.environment(folder)
    source, filename, _ = environment.loader.get_source(environment, path)
    parsed = environment.parse(source, path, filename)
    yield from meta.find_undeclared_variables(parsed)
    for part in meta.find_referenced_templates(parsed):
        yield from _asked(folder, part)


def _differences(file: str, asked: dict[str, frozenset[str]]) -> list[str]:
    everywhere = frozenset().union(*asked.values())
    return [
        f"{locale}/{file} leaves out {one}, which another language tells"
        for locale, here in asked.items()
        for one in sorted(everywhere - here)
    ]
