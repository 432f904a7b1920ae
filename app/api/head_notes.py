"""Head notes: what follows from the head of a request alone, found once for many requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

NOTES: Final = "wakecall.notes"
"""The name of the notes in a WSGI environment; absent where the server keeps none."""

Environ = TypeVar("Environ", bound=Mapping[str, Any])
Found = TypeVar("Found")


def noted(environ: Environ, name: str, find: Callable[[Environ], Found]) -> Found:
    """Return what `find` returns for this request, under a name that only `find` is noted by.

    It must depend on the head alone, and what it returns must not be changed.
    """
    notes: dict[str, Any] | None = environ.get(NOTES)
    if notes is None:
        return find(environ)
    found: Found
    try:
        found = notes[name]
    except KeyError:
        found = notes[name] = find(environ)
    return found
