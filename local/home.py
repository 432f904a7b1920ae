"""Home: the data directory of one instance, with its lock and its small files.

WAKECALL_HOME/
├── lock            held by the running instance, holds its process id
├── instance.json   how `flask` commands find the running instance; gone when it stops
├── secret-key      seals the signing secrets in the database (Fernet)
├── demo-key        the API key of the account `demo`, nothing else
├── inbox-port      where the inbox listened last, so that bookings still reach it
├── postgres/       the database, or a link to it; postgres-password beside it
└── log/            one file for each process and its predecessor
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.config import INSTANCE_FILE, SECRET_KEY_FILE
from app.errors import Misconfigured
from local.terminal import shown

_ROOM_WANTED: Final = 300 * 2**20
DEMO_KEY_FILE: Final = "demo-key"
_INBOX_PORT: Final = "inbox-port"


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """A data directory that this process holds alone; `handle` keeps its lock."""

    path: Path
    handle: int

    @property
    def log(self) -> Path:
        """Where the processes' logs lie."""
        return self.path / "log"


def hold(path: Path) -> Home:
    """Make the data directory if need be and lock it. Raises Misconfigured."""
    try:
        fresh = not path.exists()
        path.mkdir(parents=True, exist_ok=True)
        if fresh:
            # Root hands the servers to another user, who has to pass through.
            path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        (path / "log").mkdir(mode=0o700, exist_ok=True)
        handle = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Misconfigured(
            f"The data directory {shown(path)} cannot be used: {error.strerror or error}. "
            "Give another with WAKECALL_HOME, or mend its owner and mode."
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise Misconfigured(_held(path)) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    room = shutil.disk_usage(path).free
    if room < _ROOM_WANTED:
        raise Misconfigured(
            f"Only {room // 2**20} MB are free on the disk of {shown(path)}; "
            f"make room for {_ROOM_WANTED // 2**20} MB, or give another with WAKECALL_HOME."
        )
    return Home(path=path, handle=handle)


def release(home: Home) -> None:
    """Let others start from this data directory."""
    os.ftruncate(home.handle, 0)
    os.close(home.handle)


def write_private(path: Path, text: str) -> None:
    """Replace the file's content atomically, readable by its owner only."""
    fresh = path.with_name(f"{path.name}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def secret_key(home: Home, *, fresh_database: bool) -> None:
    """Create the key that seals secrets, if there is none. Raises Misconfigured if it was lost."""
    path = home.path / SECRET_KEY_FILE
    if os.environ.get("WAKECALL_SECRET_KEY") or path.exists():
        return
    if not fresh_database:
        raise Misconfigured(
            f"{shown(path)} is missing: without it the signing secrets in the database cannot be "
            f"opened. Restore it, or move {shown(home.path)} away to start with an empty database."
        )
    from cryptography.fernet import Fernet  # noqa: PLC0415 - 60 ms, on the first run only

    write_private(path, Fernet.generate_key().decode("ascii"))


def announce(home: Home, facts: dict[str, Any]) -> None:
    """Write the instance file: the addresses and processes of this instance."""
    write_private(home.path / INSTANCE_FILE, json.dumps(facts, indent=1) + "\n")


def announced(home: Home) -> dict[str, Any]:
    """Return what the last instance announced; nothing if it stopped in good order."""
    try:
        found = json.loads((home.path / INSTANCE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def withdraw(home: Home) -> None:
    """Remove the instance file: no instance runs from this directory."""
    (home.path / INSTANCE_FILE).unlink(missing_ok=True)


def demo_key(home: Home) -> str:
    """The API key of the account `demo`, or nothing."""
    try:
        return (home.path / DEMO_KEY_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def inbox_port(home: Home) -> int:
    """The port the inbox had last, or 0 for any."""
    try:
        return int((home.path / _INBOX_PORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0


def remember_inbox_port(home: Home, port: int) -> None:
    """Keep the inbox's port for the next start."""
    write_private(home.path / _INBOX_PORT, f"{port}\n")


def password(path: Path) -> str:
    """The password in `path`, made when there is none yet."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text(encoding="utf-8").strip()


def _held(path: Path) -> str:
    try:
        pid = (path / "lock").read_text(encoding="utf-8").strip()
        url = json.loads((path / INSTANCE_FILE).read_text(encoding="utf-8")).get("url", "")
    except (OSError, ValueError, AttributeError):
        pid, url = "", ""
    which = f" (process {pid}{', ' if url else ''}{url})" if pid else ""
    return (
        f"An instance runs from {shown(path)} already{which}. Stop it, or start another beside "
        "it: PORT=8001 WAKECALL_HOME=var-8001 make run"
    )
