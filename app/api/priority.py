"""Priority: lowers the priority of the threads of a web process that run the application."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress


def lower(niceness: int) -> None:
    """Set the niceness of the calling thread, unless it is that high already (0 changes nothing).

    Elsewhere than on Linux, where each thread has a niceness of its own, this has no effect.
    """
    if niceness == 0 or sys.platform != "linux":
        return
    thread = threading.get_native_id()
    with suppress(OSError):
        os.setpriority(
            os.PRIO_PROCESS, thread, max(niceness, os.getpriority(os.PRIO_PROCESS, thread))
        )
