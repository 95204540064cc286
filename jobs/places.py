"""Where the machine's own stores keep files and sockets, and as whom they run.

PostgreSQL refuses to run as root, so root hands both stores to `nobody`, who must be able to
reach what they use: data and sockets then live under /var/lib/mendline instead of the state
directory, and programs hidden in a private home are copied there.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

SHARED = Path("/var/lib/mendline")
# sockaddr_un holds 108 bytes on Linux, 104 elsewhere; the longest name is ".s.PGSQL.5432.lock".
SOCKET_DIR_BYTES = 80


@dataclass(frozen=True)
class Place:
    """Private directories (0700) of one set of stores; `account` None means the calling user."""

    home: Path
    run: Path
    account: pwd.struct_passwd | None

    def private(self, path: Path) -> Path:
        """Make `path` a directory only the stores' own account may enter.

        Raises PermissionError when somebody else already owns it, as may happen in /tmp.
        """
        path.mkdir(mode=0o700, exist_ok=True)
        owner = os.geteuid() if self.account is None else self.account.pw_uid
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, os.geteuid()):
            raise PermissionError(f"{path} belongs to somebody else")
        if self.account is not None:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)
        path.chmod(0o700)
        return path

    def reachable(self, paths: list[Path], version: str) -> list[Path]:
        """The same programs where the stores' account can run them, copied once if need be.

        paths: files or directories that stay side by side. version: names the copy.
        """
        if self.account is None or all(_open_to_all(path) for path in paths):
            return paths
        shelf = SHARED / f"programs-{version}"
        if not shelf.exists():
            _copy_together(paths, shelf)
        return [shelf / path.name for path in paths]


def place_for(state_dir: Path) -> Place:
    """Choose and make the directories that belong to `state_dir` (absolute)."""
    digest = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:12]
    if os.geteuid() == 0:
        SHARED.mkdir(mode=0o711, parents=True, exist_ok=True)
        home = SHARED / digest
        place = Place(home, home / "run", pwd.getpwnam("nobody"))
    else:
        run = state_dir / "run"
        if len(os.fsencode(run)) > SOCKET_DIR_BYTES:
            run = Path(tempfile.gettempdir()) / f"mendline-{os.geteuid()}-{digest}"
        place = Place(state_dir, run, None)
    place.private(place.home)
    place.private(place.run)
    return place


def _open_to_all(path: Path) -> bool:
    """Whether any user can reach and read `path`."""
    real = path.resolve()
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in real.parents) and bool(
        real.stat().st_mode & stat.S_IROTH
    )


def _copy_together(paths: list[Path], shelf: Path) -> None:
    """Copy into `shelf` by one rename: two processes starting at once both find it whole."""
    draft = Path(tempfile.mkdtemp(dir=SHARED, prefix="draft-"))
    draft.chmod(0o755)
    for path in paths:
        if path.is_dir():
            shutil.copytree(path, draft / path.name)
        else:
            shutil.copy2(path, draft / path.name)
    try:
        draft.rename(shelf)
    except OSError:
        if not shelf.exists():
            raise
        shutil.rmtree(draft)
