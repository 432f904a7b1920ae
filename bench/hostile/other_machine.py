"""Other machine: an attacker's processes give way, as elsewhere they would take no core."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_NICENESS: Final = 10


def give_way() -> None:
    """Lower the priority of this process and of its session, which Linux may schedule as one."""
    os.nice(_NICENESS)
    with suppress(OSError):  # no such file where the kernel was built without autogroups
        Path("/proc/self/autogroup").write_text(f"{_NICENESS}", encoding="ascii")
