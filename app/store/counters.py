"""Counters: the totals of what all processes count, in the table `tally`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import psycopg
from sqlalchemy import Connection, text

# Rows are locked in one order, so that two processes that add at once never deadlock.
_ADD: Final = """
INSERT INTO tally (name, label, total)
SELECT name, label, amount
FROM unnest(%(names)s::text[], %(labels)s::text[], %(amounts)s::float8[])
  AS v (name, label, amount)
ORDER BY name, label
ON CONFLICT (name, label) DO UPDATE SET total = tally.total + excluded.total
"""

_READ: Final = text("SELECT name, label, total FROM tally")


def add_counters(connection: psycopg.Connection, amounts: Mapping[tuple[str, str], float]) -> None:
    """Add to the counters, each named by (name, label)."""
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


def read_counters(connection: Connection) -> dict[tuple[str, str], float]:
    """All counters, as all processes there ever were have counted."""
    return {(row.name, row.label): row.total for row in connection.execute(_READ)}
