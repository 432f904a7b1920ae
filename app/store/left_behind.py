"""Rows left behind in the queues due and inflight: those further back than their readers read."""

from __future__ import annotations

from typing import NamedTuple

import psycopg

from app.store.queries import run


class LeftBehind(NamedTuple):
    """How many seconds ago the first such row of each queue was due; None if there is none."""

    due: float | None
    inflight: float | None


def left_behind(connection: psycopg.Connection, *, lookback: float) -> LeftBehind:
    """The age of the first row of each queue that is further back than `lookback` seconds."""
    row = run(connection, "left_behind", {"lookback": lookback}).fetchone()
    return LeftBehind._make(row or (None, None))
