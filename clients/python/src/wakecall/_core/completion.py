"""Completion: how a receiver tells that the result of its call comes later."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from wakecall.spans import to_span

_HEADER: Final = "Wakecall-Complete"
_MAX_WITHIN: Final = timedelta(days=7)
_MIN_WITHIN: Final = timedelta(seconds=1)


def complete_later(within: timedelta | str | float = 3600) -> dict[str, str]:
    """The header of a 202 with which a receiver announces the result of its run.

    The run waits for `runs.complete` for so long, a second to a week. Raises ValueError.
    """
    span = to_span(within)
    if not _MIN_WITHIN <= span <= _MAX_WITHIN:
        raise ValueError("within must be 1 to 604,800 seconds.")
    return {_HEADER: f"later; within={int(span.total_seconds())}"}
