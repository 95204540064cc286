"""The application factory: registers every part of the HTTP edge in one readable order."""

from __future__ import annotations

from flask import Flask, abort, request
from flask.sessions import SecureCookieSessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from bridge import (
    admin,
    api,
    auth,
    compression,
    headers,
    health,
    languages,
    limits,
    live,
    metrics,
    notices,
    pages,
    problems,
    request_ids,
    request_log,
    streams,
    webhooks,
)
from bridge import (
    context as contexts,
)
from bridge.context import Context
from bridge.json import JSONProvider

MOST_BODY_BYTES = 1024 * 1024


class Application(Flask):
    def ensure_sync(self, func):
        """Every view and hook is a plain function; Flask would ask each at every request."""
        return func


class Sessions(SecureCookieSessionInterface):
    """Flask's session, for forms on pages; machines have none."""

    def open_session(self, app, request):
        if request.path.startswith(("/webhooks/", "/api/")):
            return None
        return super().open_session(app, request)


class RowNumber(IntegerConverter):
    """`<int:id>` in addresses: no larger than the column it is compared with."""

    def __init__(self, map, **options):
        super().__init__(map, **{"max": 2**63 - 1, **options})


def create_app(context: Context) -> Flask:
    app = Application(__name__)
    app.session_interface = Sessions()
    app.json = JSONProvider(app)
    app.url_map.converters["int"] = RowNumber
    app.config["MAX_CONTENT_LENGTH"] = MOST_BODY_BYTES
    app.config["SECRET_KEY"] = context.settings.secret_key
    app.config["SECRET_KEY_FALLBACKS"] = list(context.settings.secret_key_fallbacks)
    contexts.put(app.extensions, context)
    app.jinja_env.globals["shop_name"] = context.settings.shop_name
    if context.settings.trusted_proxies:
        hops = context.settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)

    request_ids.init_app(app)
    request_log.init_app(app)
    metrics.init_app(app)
    headers.init_app(app, context)
    compression.init_app(app)
    languages.init_app(app, context)
    limits.init_app(app, context)
    app.before_request(_refuse_nul)
    auth.init_app(app)
    live.init_app(app, context.engine)
    streams.init_app(app)
    notices.init_app(app, context)

    app.register_blueprint(webhooks.blueprint(context))
    app.register_blueprint(health.blueprint)
    api.init_app(app)
    app.register_blueprint(admin.blueprint)
    pages.init_app(app, context)
    problems.init_app(app)
    return app


def _refuse_nul() -> None:
    # No name, reference or id contains it, and PostgreSQL refuses text that does.
    if "\0" in request.path:
        abort(404)
