"""Progress of commands: a line on standard error every two seconds of a long command."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import click

_INTERVAL_S: Final = 2.0

_NAMES: Final = {
    "job": "jobs",
    "inflight": "runs under way",
    "run": "runs of history",
    "kept_answer": "kept responses",
}


def progress(doing: str) -> Callable[[Counter[str]], None]:
    """Return a function that prints the progress of a long command, every two seconds."""
    printed_at = time.monotonic()

    def show(done: Counter[str]) -> None:
        nonlocal printed_at
        if time.monotonic() - printed_at < _INTERVAL_S:
            return
        printed_at = time.monotonic()
        parts = [f"{number} {_NAMES.get(what, what)}" for what, number in done.items() if number]
        click.echo(f"{doing}: {', '.join(parts) or 'nothing yet'}", err=True)

    return show
