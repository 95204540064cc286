"""flask-smorest as we use it: our problems, our media type, one security scheme."""

from __future__ import annotations

from http import HTTPStatus

import flask_smorest
from flask import Flask, Response
from flask_smorest.utils import prepare_response
from marshmallow import Schema, fields

from bridge.api import webhooks
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
        return super()._openapi_json()


def make(app: Flask, prefix: str) -> Api:
    app.config.update(
        API_TITLE="Mendline",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=prefix,
        API_SPEC_OPTIONS={"security": [{"key": []}], "webhooks": webhooks.described()},
    )
    api = Api(app)
    api.spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    return api
