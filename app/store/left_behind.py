"""What the readers of the queues have left behind: rows that are further back than they read."""

from __future__ import annotations

from typing import NamedTuple

import psycopg

from app.store.queries import run


class LeftBehind(NamedTuple):
    """How many seconds ago the first row of each queue was due; None where no row is left."""

    due: float | None
    inflight: float | None


def left_behind(connection: psycopg.Connection, *, lookback: float) -> LeftBehind:
    """The first rows that are further back than `lookback` seconds."""
    due, inflight = run(connection, "left_behind", {"lookback": lookback}).fetchone() or (
        None,
        None,
    )
    return LeftBehind(due, inflight)
