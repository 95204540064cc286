"""Structured logs: one JSON (or text) line per happening, with contacts masked in every string.

`configure` is called once per process by the composition root; `init_app` adds one line per
request. Neither ever sees a body; a path with a token in it is logged as its rule.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from flask import Flask, Response, g, request

from crm.core.masking import mask_body, mask_text

log = structlog.get_logger("request")


def configure(log_format: str, *, level: int = logging.INFO) -> None:
    """log_format: `json` or `text`. Lines of other libraries take the same shape."""
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        _mask,
        # After the mask: a moment in time looks much like a phone number.
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if log_format == "json":
        renderer: Any = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    # Our own lines go straight out: the way through the standard library costs twice as much.
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("urllib3", "rq.worker", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _mask(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = mask_text(value)
        elif isinstance(value, dict | list):
            line[name] = mask_body(value)
    return line


def init_app(app: Flask) -> None:
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    rule = request.url_rule.rule if request.url_rule else "-"
    log.info(
        "request",
        method=request.method,
        route=rule,
        status=response.status_code,
        ms=round((time.perf_counter() - g.started) * 1000, 1),
        request_id=g.request_id,
    )
    return response
