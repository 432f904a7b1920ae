"""Disk: a small file system in memory for PostgreSQL's files, which a fault makes full."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOUNT_REFUSED = "no file system can be mounted: it takes root"
_TRIES = 200


class Disk:
    """The mounted file system; `size` is its capacity in bytes while it is not full."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size

    def fill(self) -> None:
        """Leave not a byte free, by making it as small as what it holds.

        That is what a disk full of other files comes to, and takes no memory for such files.
        """
        for _ in range(_TRIES):
            state = os.statvfs(self.folder)
            used = (state.f_blocks - state.f_bfree) * state.f_frsize
            # It is refused where PostgreSQL has written in between.
            if self._resize(used):
                return
            time.sleep(0.01)
        raise OSError(f"{self.folder} cannot be made as small as what it holds")

    def free(self) -> None:
        """Give it its capacity back."""
        if not self._resize(self.size):
            raise OSError(f"{self.folder} cannot be made as large as it was")

    def _resize(self, size: int) -> bool:
        return _run("mount", "-o", f"remount,size={size}", f"{self.folder}")


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Disk | None]:
    """A file system of so many bytes, mounted on the folder; None where none can be mounted."""
    if not _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=711", "tmpfs", f"{folder}"):
        yield None
        return
    try:
        yield Disk(folder, size)
    finally:
        # Lazily: a server that was killed may hold a file for a moment longer.
        _run("umount", "-l", f"{folder}")


def _run(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
