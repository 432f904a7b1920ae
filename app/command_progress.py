"""Progress of commands: how far a long command has come, told on standard error."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import click

_TELL_EVERY_S: Final = 2.0

_NAMES: Final = {
    "job": "jobs",
    "inflight": "runs under way",
    "run": "runs of history",
    "kept_answer": "kept answers",
}


def progress(doing: str) -> Callable[[Counter[str]], None]:
    """A function that tells every two seconds how far a long command has come."""
    told_at = time.monotonic()

    def tell(done: Counter[str]) -> None:
        nonlocal told_at
        if time.monotonic() - told_at < _TELL_EVERY_S:
            return
        told_at = time.monotonic()
        parts = [f"{number} {_NAMES.get(what, what)}" for what, number in done.items() if number]
        click.echo(f"{doing}: {', '.join(parts) or 'nothing yet'}", err=True)

    return tell
