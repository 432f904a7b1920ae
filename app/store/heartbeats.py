"""Heartbeats and tallies: what the processes tell of themselves, kept where all can read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import psycopg
from sqlalchemy import Connection, text

from app.domain.timings import HEARTBEAT_MAX_AGE

_BEAT: Final = """
INSERT INTO heartbeat (process, id, beaten_at)
VALUES (%(process)s, %(id)s, clock_timestamp())
ON CONFLICT (process, id) DO UPDATE SET beaten_at = excluded.beaten_at
"""

_FORGET: Final = "DELETE FROM heartbeat WHERE process = %(process)s AND id = %(id)s"

_FORGET_STALE: Final = (
    "DELETE FROM heartbeat WHERE beaten_at < clock_timestamp() - interval '1 hour'"
)

# Rows in one order, so that two workers adding at once wait in a line and not in a circle.
_ADD: Final = """
INSERT INTO tally (name, label, total)
SELECT name, label, amount
FROM unnest(%(names)s::text[], %(labels)s::text[], %(amounts)s::float8[])
  AS v (name, label, amount)
ORDER BY name, label
ON CONFLICT (name, label) DO UPDATE SET total = tally.total + excluded.total
"""

_ALIVE: Final = text("""
SELECT DISTINCT process FROM heartbeat WHERE beaten_at > clock_timestamp() - :alive
""")

# A process that tries a suspect has one call under way at most, and needs no share.
_WORKERS: Final = """
SELECT count(*) FROM heartbeat
WHERE process = 'worker' AND id NOT LIKE '%%.alone' AND beaten_at > clock_timestamp() - %(alive)s
"""

_TALLIES: Final = text("SELECT name, label, total FROM tally")


def beat(connection: psycopg.Connection, process: str, identity: str) -> None:
    """Say that this scheduler or worker is alive."""
    connection.execute(_BEAT, {"process": process, "id": identity})


def fall_silent(connection: psycopg.Connection, process: str, identity: str) -> None:
    """Take the heartbeat back at an orderly end."""
    connection.execute(_FORGET, {"process": process, "id": identity})


def forget_stale(connection: psycopg.Connection) -> None:
    """Drop the heartbeats of processes that ended long ago."""
    connection.execute(_FORGET_STALE)


def add(connection: psycopg.Connection, amounts: Mapping[tuple[str, str], float]) -> None:
    """Add to the tallies, each named by (name, label)."""
    if amounts:
        names, labels = zip(*amounts, strict=True)
        connection.execute(
            _ADD,
            {
                "names": list(names),
                "labels": list(labels),
                "amounts": [float(amount) for amount in amounts.values()],
            },
        )


def workers(connection: psycopg.Connection) -> int:
    """How many workers have beaten recently."""
    row = connection.execute(_WORKERS, {"alive": HEARTBEAT_MAX_AGE}).fetchone()
    return 0 if row is None else int(row[0])


def alive(connection: Connection) -> frozenset[str]:
    """The kinds of process of which one has beaten recently."""
    return frozenset(connection.execute(_ALIVE, {"alive": HEARTBEAT_MAX_AGE}).scalars())


def tallies(connection: Connection) -> dict[tuple[str, str], float]:
    """All tallies, of all processes there ever were."""
    return {(row.name, row.label): row.total for row in connection.execute(_TALLIES)}
