"""Starts one program so that it ends with the process that started it; standard library only.

    python -I -S parent_death.py SIGNAL PARENT OWNER -- COMMAND...

The kernel sends SIGNAL to the program when PARENT has died, whatever it died of. That works on
Linux; on other systems the next start ends what was left running. OWNER is `UID:GID`, or `-` to
keep the user of this process. PR_SET_PDEATHSIG is cleared by setuid, so it is set last; the
program then replaces this process.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_NOT_STARTED: Final = 126


def main(arguments: list[str]) -> int:
    """Replace this process by the command; returns a status only if that failed."""
    end, parent, owner, _, *command = arguments
    try:
        if owner != "-":
            uid, gid = (int(part) for part in owner.split(":"))
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(end), 0, 0, 0)
        # If the parent died before prctl was called, the kernel sends nothing.
        if os.getppid() != int(parent):
            return _NOT_STARTED
        os.execvp(command[0], command)  # noqa: S606 - no shell is needed
    except OSError as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
    return _NOT_STARTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
