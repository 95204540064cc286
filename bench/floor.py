"""The floor that acknowledgement is measured against: the least a durable webhook route can do.

The body is read, its signature checked, its JSON parsed, one row inserted and committed. Nothing
is de-duplicated, counted, logged or rung for. Served by gunicorn with the service's own settings.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import Any

from flask import Flask, request
from sqlalchemy import text

from bench import bodies
from crm.core.db import make_engine

TABLE = "CREATE TABLE floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)"


def app() -> Flask:
    floor = Flask(__name__)
    engine = make_engine(os.environ["DATABASE_URL"])
    secret = os.environ["CHATWOOT_WEBHOOK_SECRET"].encode()
    insert = text("INSERT INTO floor (body) VALUES (:body) RETURNING id")

    @floor.post(bodies.PATH)
    def receive() -> tuple[dict[str, Any], int]:
        body = request.get_data()
        signed = request.headers["X-Chatwoot-Timestamp"].encode() + b"." + body
        digest = hmac.new(secret, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(f"sha256={digest}", request.headers["X-Chatwoot-Signature"]):
            return {"status": "rejected"}, 401
        json.loads(body)
        with engine.begin() as connection:
            row_id = connection.execute(insert, {"body": body}).scalar_one()
        return {"status": "accepted", "delivery": str(row_id)}, 202

    return floor
