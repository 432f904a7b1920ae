"""Plans: how many rows PostgreSQL read for a query, from EXPLAIN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def rows_read(node: dict[str, Any], relation: str) -> Iterator[float]:
    """The rows that each scan of a table in a plan read, those that it threw away included."""
    if node.get("Relation Name") == relation:
        yield (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    for inner in node.get("Plans", []):
        yield from rows_read(inner, relation)
