"""Process clock: lets a fault set the wall clock of one process, while it runs."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

NO_COMPILER = "there is no C compiler (cc), which the shifted clock is built with"
_SOURCE = Path(__file__).with_suffix(".c")
_LIBRARY = "process_clock.so"


class ProcessClock:
    """The clock of one process, which was started with `environment`."""

    def __init__(self, library: Path, file: Path) -> None:
        self._file = file
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": f"{library}",
            "PROCESS_CLOCK": f"{file}",
        }
        self.set(0)

    def set(self, ahead: int) -> None:
        """Let it be so many seconds ahead of the clock of this machine; negative: behind."""
        # The file is never cut, since the process has it in its memory.
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", ahead))


def build(folder: Path) -> Path | None:
    """The library that shifts clocks, built in the folder; None where nothing can build it."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = folder / _LIBRARY
    command = [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-o", f"{library}", f"{_SOURCE}"]
    done = subprocess.run([*command, "-ldl"], capture_output=True, text=True, check=False)
    return None if done.returncode else library
