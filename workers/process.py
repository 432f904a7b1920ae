"""Process: what scheduler and worker have in common around their work: settings, signals, ends."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from app import config, log
from app.config import Settings
from app.errors import Misconfigured


def begin(kind: str) -> Settings:
    """The settings of a process of this kind; where they cannot work, one line and the end."""
    try:
        settings = config.load(os.environ)
    except Misconfigured as error:
        fail(error)
    log.configure(kind, settings.log_level)
    return settings


def fail(error: Misconfigured) -> NoReturn:
    """Say what is wrong and end, as a command line does."""
    sys.exit(f"wakecall: {error.message}")


def identity() -> str:
    """A name for this process that no other has: host, process id, and a random part."""
    return f"{os.uname().nodename}.{os.getpid()}.{secrets.token_hex(4)}"


def on_stop(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and SIGINT, once; a second signal ends the process at once."""

    def first(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        log.logger.info("process.stopping", signal=signal.Signals(number).name)
        stop()

    signal.signal(signal.SIGTERM, first)
    signal.signal(signal.SIGINT, first)
