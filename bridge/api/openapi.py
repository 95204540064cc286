"""flask-smorest as we use it: our problems, our media type, one security scheme.

The description is put together when somebody first asks for it. Few ever do, and it takes a quarter
of a second and 6 MB of each web process.
"""

from __future__ import annotations

from http import HTTPStatus
from threading import Lock
from typing import Any

import flask_smorest
from flask import Flask, Response
from flask_smorest import Blueprint
from flask_smorest.utils import prepare_response
from marshmallow import Schema, fields

from bridge.api import webhook_events
from bridge.auth import public


class Problem(Schema):
    """RFC 9457. errors: field name -> what is wrong with it."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
    instance = fields.String(required=True)
    errors = fields.Dict(required=True)


class Api(flask_smorest.Api):
    ERROR_SCHEMA = Problem

    def __init__(self, app: Flask) -> None:
        self._undescribed: list[Blueprint] = []
        self._lock = Lock()
        super().__init__(app)

    def register_blueprint(self, blp: Blueprint) -> None:
        """Serve its views now; `description` tells of them later."""
        self._app.register_blueprint(blp)
        self._undescribed.append(blp)

    def description(self) -> dict[str, Any]:
        """The whole OpenAPI document."""
        self._describe()
        return self.spec.to_dict()

    def _describe(self) -> None:
        with self._lock:
            for blp in self._undescribed:
                blp.register_views_in_doc(
                    self, self._app, self.spec, name=blp.name, parameters=None
                )
                self.spec.tag({"name": blp.name, "description": blp.description})
            self._undescribed.clear()

    def _register_error_handlers(self) -> None:
        """Faults are answered by bridge/problems.py, which keeps `Allow` on a 405."""

    def _register_responses(self) -> None:
        for status in (*HTTPStatus, None):
            response: dict = {"description": status.phrase if status else "Problem"}
            if status is None or status >= 400:
                response["schema"] = Problem
            prepare_response(response, self.spec, "application/problem+json")
            name = status.name if status else self.DEFAULT_ERROR_RESPONSE_NAME
            self.spec.components.response(name, response, lazy=True)

    @public
    def _openapi_json(self) -> Response:
        self._describe()
        return super()._openapi_json()


def make(app: Flask, prefix: str) -> Api:
    app.config.update(
        API_TITLE="Mendline",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=prefix,
        API_SPEC_OPTIONS={"security": [{"key": []}], "webhooks": webhook_events.described()},
    )
    api = Api(app)
    api.spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    return api
