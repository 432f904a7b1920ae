"""Left behind: rows of the queues `due` and `inflight` that are further back than readers read."""

from __future__ import annotations

from typing import NamedTuple

import psycopg

from app.store.queries import run


class LeftBehind(NamedTuple):
    """The age in seconds of the first row left behind in each queue; None if there is none."""

    due: float | None
    inflight: float | None


def left_behind(connection: psycopg.Connection, *, lookback: float) -> LeftBehind:
    """Return the age of the first row of each queue that is more than `lookback` seconds back."""
    row = run(connection, "left_behind", {"lookback": lookback}).fetchone()
    return LeftBehind._make(row or (None, None))
