"""A program of the instance: what is run, as whom, and how it is asked to end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local import parent_death
from local.owner import Owner


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One long-lived process; `patience_s` is how long it may take to end when asked."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path("/")
    owner: Owner | None = None
    stop: signal.Signals = signal.SIGTERM
    patience_s: float = 8.0


def dying_with_parent(program: Program) -> list[str]:
    """The command line that runs the program and ends it when this process is gone."""
    owner = f"{program.owner.uid}:{program.owner.gid}" if program.owner else "-"
    return [
        *(sys.executable, "-I", "-S", f"{parent_death.__file__}"),
        *(f"{program.stop.value}", f"{os.getpid()}", owner, "--"),
        *program.command,
    ]


def open_log(program: Program) -> int:
    """The program's log, to be appended to; the caller closes it."""
    return os.open(program.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def listen(program: Program) -> Callable[[], str]:
    """Return a function that reads what the program has logged since this call."""
    heard = program.log.stat().st_size if program.log.exists() else 0

    def words() -> str:
        with program.log.open("rb") as file:
            file.seek(heard)
            return file.read().decode(errors="replace")

    return words
