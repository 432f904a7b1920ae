"""Starts one program so that it ends with the process that started it; standard library only.

    python -I -S leash.py SIGNAL PARENT OWNER -- COMMAND...

The kernel sends SIGNAL when PARENT is gone, however it went (Linux; elsewhere the next start
clears up). OWNER is `UID:GID`, or `-` to stay who we are. The wish is forgotten whenever a
process changes its user, hence it is uttered last; the program then takes this process's place.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_NOT_STARTED: Final = 126


def main(arguments: list[str]) -> int:
    """Become the command; returns only when that cannot be."""
    end, parent, owner, _, *command = arguments
    try:
        if owner != "-":
            uid, gid = (int(part) for part in owner.split(":"))
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(end), 0, 0, 0)
        # A parent that died before the wish was uttered sends nothing any more.
        if os.getppid() != int(parent):
            return _NOT_STARTED
        os.execvp(command[0], command)  # noqa: S606 - there is no shell to want
    except OSError as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
    return _NOT_STARTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
