"""What technicians do with a repair through the API."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse

from tests.integration.conftest import Call


def move(call: Call, ref: str, status: str, **more: Any) -> TestResponse:
    return call("POST", f"/repairs/{ref}/updates", json={"status": status, **more})


def answer(call: Call, ref: str, stage: str, result: str = "ok") -> TestResponse:
    """Answer every item of a stage."""
    stages = call("GET", f"/repairs/{ref}/checklist").json["stages"]
    items = next(one["items"] for one in stages if one["stage"] == stage)
    body = [{"stage": stage, "slug": item["slug"], "result": result} for item in items]
    return call("PATCH", f"/repairs/{ref}/checklist", json={"items": body})
