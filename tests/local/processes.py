"""Small real programs for tests of starting, supervising and ending processes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from local.program import Program

ENVIRONMENT = {"PATH": os.defpath}


def python(name: str, log: Path, code: str, *, patience_s: float = 5.0) -> Program:
    return Program(
        name=name,
        command=(sys.executable, "-u", "-S", "-c", code),
        log=log,
        environment=ENVIRONMENT,
        stop=signal.SIGTERM,
        patience_s=patience_s,
    )


SLEEPS = "import time; print('up'); time.sleep(600)"
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(600)"
PARENT = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)']);"
    "print(child.pid); time.sleep(600)"
)
