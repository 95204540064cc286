"""Pages for customers: server-rendered, without script, in the visitor's language.

A page about somebody's repair opens by a signed token only and shows no personal data.
"""

from __future__ import annotations

from flask import Flask

from bridge.context import Context
from bridge.pages import (
    catalog_words,
    files,
    front,
    invoices,
    paying,
    preferences,
    quoting,
    services,
    signing,
    survey,
    unsubscribing,
    widget,
)
from bridge.pages.booking import access as booking
from bridge.pages.booking import device as booking_device
from bridge.pages.booking import page as booking_page
from bridge.pages.booking import visit as booking_visit
from bridge.pages.portal import page as portal
from bridge.pages.tracking import installing, lookup, stream
from bridge.pages.tracking import page as tracking

# Modules that hang their views on the blueprint of another.
__all__ = ["booking_device", "booking_page", "booking_visit", "init_app", "unsubscribing"]


def init_app(app: Flask, context: Context) -> None:
    widget.init_app(app, context)
    catalog_words.init_app(app)
    app.register_blueprint(front.blueprint)
    app.register_blueprint(services.blueprint)
    app.register_blueprint(booking.blueprint)
    app.register_blueprint(files.blueprint)
    app.register_blueprint(signing.blueprint)
    app.register_blueprint(invoices.blueprint)
    app.register_blueprint(quoting.blueprint)
    app.register_blueprint(paying.blueprint)
    app.register_blueprint(survey.blueprint)
    app.register_blueprint(preferences.blueprint)
    app.register_blueprint(tracking.blueprint)
    app.register_blueprint(lookup.blueprint)
    app.register_blueprint(installing.blueprint)
    stream.init_app(app, context)
    portal.init_app(app, context)
