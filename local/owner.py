"""Owner: the user who runs the embedded servers, and which files that user can reach.

PostgreSQL refuses to run as root, so root runs the servers as an unprivileged user that exists
already. docs/decisions/0005 explains where their files are then.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from app.errors import Misconfigured

_CANDIDATES: Final = ("postgres", "nobody")
COPY_DIRS: Final = (Path("/var/lib/wakecall"), Path("/var/tmp/wakecall"))  # noqa: S108 - see copy_dir


class AsOwner(TypedDict, total=False):
    """The arguments of subprocess that run a command as its owner."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """An unprivileged user that runs the servers in root's place."""

    name: str
    uid: int
    gid: int


def choose(data: Path) -> Owner | None:
    """Return the user who runs the servers of `data`; None: this one. Raises Misconfigured."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (uid := data.stat().st_uid) != 0:
        return _named(pwd.getpwuid(uid))
    for name in _CANDIDATES:
        try:
            return _named(pwd.getpwnam(name))
        except KeyError:
            continue
    raise Misconfigured(
        "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it "
        "as. Run `make run` as an ordinary user, or set DATABASE_URL."
    )


def arguments(owner: Owner | None) -> AsOwner:
    """What makes subprocess run a command as `owner`."""
    if owner is None:
        return {}
    return {"user": owner.uid, "group": owner.gid, "extra_groups": []}


def can_run(owner: Owner | None, command: Sequence[str]) -> bool:
    """Whether `owner` can run `command`: found by running it, as permissions do not tell all."""
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, cwd="/", **arguments(owner)
        )
    except OSError:
        return False
    return done.returncode == 0


def can_enter(owner: Owner | None, folder: Path) -> bool:
    """Whether `owner` can pass through `folder` and every folder above it."""
    return can_run(owner, ["/bin/sh", "-c", 'cd "$0"', f"{folder}"])


def give(path: Path, owner: Owner | None) -> None:
    """Make `owner` own `path`."""
    if owner is not None:
        os.chown(path, owner.uid, owner.gid)


def copy_dir(owner: Owner, copy_dirs: Sequence[Path] = COPY_DIRS) -> Path:
    """Return a folder that belongs to root and that `owner` can enter. Raises Misconfigured.

    A folder that another user made, or may write to, is skipped: what root runs and stores there
    must be root's own.
    """
    for folder in copy_dirs:
        try:
            folder.mkdir(mode=0o755, exist_ok=True)
            found = folder.lstat()
            ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
            if ours and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                folder.chmod(0o755)
                if can_enter(owner, folder):
                    return folder
        except OSError:
            continue
    tried = " or ".join(map(str, copy_dirs))
    raise Misconfigured(
        f"The user {owner.name}, who runs PostgreSQL for root, can reach neither this checkout "
        f"nor {tried}. Make one of those (root's, mode 0755), or set DATABASE_URL."
    )


def runnable_copy(
    package: Path, parts: Sequence[str], try_out: str, name: str, owner: Owner | None
) -> Path:
    """The folder that holds `parts` of an installed package, where `owner` can run them.

    That is `package` itself where possible; else a copy in `copy_dir(owner)`, made once per `name`.
    `try_out` is the command, below that folder, that shows whether it can be run.
    """
    if owner is None or can_run(owner, [f"{package / try_out}", "--version"]):
        return package
    copy = copy_dir(owner) / name
    if can_run(owner, [f"{copy / try_out}", "--version"]):
        return copy
    fresh = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=copy.parent))
    for part in parts:
        shutil.copytree(package / part, fresh / part, ignore=shutil.ignore_patterns("*.a", "doc"))
    for path in [fresh, *fresh.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        fresh.rename(copy)
    except OSError:
        # Another start made the same copy at the same time, or a broken copy was there.
        if not can_run(owner, [f"{copy / try_out}", "--version"]):
            shutil.rmtree(copy)
            fresh.rename(copy)
        else:
            shutil.rmtree(fresh)
    return copy


def _named(entry: pwd.struct_passwd) -> Owner:
    return Owner(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)
