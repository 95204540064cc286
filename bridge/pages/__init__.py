"""Pages for customers: server-rendered, without script, in the visitor's language.

A page about somebody's repair opens by a signed token only and shows no personal data.
"""

from __future__ import annotations

from flask import Flask

from bridge.context import Context
from bridge.pages import files, languages
from bridge.pages.views import blueprint

__all__ = ["blueprint", "init_app"]


def init_app(app: Flask, context: Context) -> None:
    languages.init_app(app, context)
    app.register_blueprint(blueprint)
    app.register_blueprint(files.blueprint)
