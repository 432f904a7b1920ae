"""Priority: lowers the priority of a web process below that of processes that make calls."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_AUTOGROUP: Final = Path("/proc/self/autogroup")


def lower(niceness: int) -> None:
    """Set the niceness of this process (0 changes nothing), so that requests do not delay calls.

    Linux may schedule each session as a group of its own (sched_autogroup_enabled): niceness then
    counts within the session only, so the session's own niceness is set as well. The kernel refuses
    a second change within 0.1 s, which another process of the same session may have made.
    """
    if niceness == 0:
        return
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(niceness, os.getpriority(os.PRIO_PROCESS, 0)))
    if sys.platform == "linux":
        with suppress(OSError):
            _AUTOGROUP.write_text(f"{niceness}", encoding="ascii")
