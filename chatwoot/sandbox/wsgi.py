"""The sandbox for gunicorn, one worker: `gunicorn -w 1 --threads 16 chatwoot.sandbox.wsgi:app`.

Environment: SANDBOX_PUBLIC_URL (required), SANDBOX_STATE, SANDBOX_WEBHOOK_SECRET,
SANDBOX_VERSION, SANDBOX_SMTP_PORT (catch e-mail there).
"""

from __future__ import annotations

import os
from pathlib import Path

from .app import create_sandbox
from .mails import open_catcher

_state = os.environ.get("SANDBOX_STATE")

app = create_sandbox(
    Path(_state) if _state else None,
    public_url=os.environ["SANDBOX_PUBLIC_URL"],
    webhook_secret=os.environ.get("SANDBOX_WEBHOOK_SECRET") or None,
    version=os.environ.get("SANDBOX_VERSION") or "4.14.1",
)
_smtp_port = os.environ.get("SANDBOX_SMTP_PORT")
if _smtp_port:
    open_catcher(app.extensions["sandbox"], int(_smtp_port))
