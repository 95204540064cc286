"""The secret key of an installation that was given none: made once, kept in its own directory."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from bridge.parsers import OWN_SECRET_LENGTH


def kept_key(state_dir: Path) -> str:
    """The key in STATE_DIR/secret_key, made at the first start; OSError or ValueError if bad."""
    path = state_dir / "secret_key"
    if not path.exists():
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = state_dir / f".secret_key.{os.getpid()}.{secrets.token_hex(4)}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        try:
            # Several processes start at once: a link shows the whole file or nothing, and
            # only the first one wins.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    if path.stat().st_mode & 0o077:
        raise ValueError("others can read it: chmod 600")
    key = path.read_text("ascii").strip()
    if len(key) < OWN_SECRET_LENGTH:
        raise ValueError("the key is too short: delete the file to get a new one")
    return key
