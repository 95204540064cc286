"""Structured logs: one JSON (or text) line per happening, with contacts masked in every string.

`configure` is called once per process by the composition root. The lines about requests are made
in `request_log.py`: workers and the scheduler live without Flask.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from crm.core.masking import mask_body, mask_text


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
