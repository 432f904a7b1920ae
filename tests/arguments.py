"""Arguments: what a person gives the programs of the tests; a wrong one is refused in one line."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Never, TypeVar

from local.terminal import fail

MISUSED: Final = 2

N = TypeVar("N", int, float)


def number(kind: type[N], least: float) -> Callable[[str], N]:
    """Return what reads a number of at least `least`, as argparse has it; raises ValueError."""

    def read(text: str) -> N:
        found = kind(text)
        if not (math.isfinite(found) and found >= least):
            raise ValueError(text)
        return found

    read.__name__ = f"number (at least {least:g})"
    return read


def of_environment(
    environ: Mapping[str, str], name: str, default: N, *, least: float, kind: type[N]
) -> N:
    """Return the number that a variable has; the default where it is unset or empty. May exit."""
    text = environ.get(name) or ""
    try:
        return number(kind, least)(text) if text else default
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        refuse(f"{name} is {text!r}: give {what} of at least {least:g}.")


def having(part: str, names: Iterable[str]) -> list[str]:
    """Return the names that contain a text, all for an empty one; exits where there is none."""
    known = list(names)
    found = [each for each in known if part in each]
    if not found:
        refuse(f"no name contains {part!r}; there are {', '.join(known)}.")
    return found


def refuse(text: str) -> Never:
    """Print the one line, and exit."""
    fail(text)
    raise SystemExit(MISUSED)
