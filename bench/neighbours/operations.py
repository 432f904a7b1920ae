"""Operations: the table of all, in the groups in which the tests measure them together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bench.neighbours import agents, console, dapr, fusion, native, without_credentials
from bench.neighbours.operation import Operation

GROUPS: Final[Mapping[str, tuple[Operation, ...]]] = {
    "native reads": native.READS,
    "native writes": native.WRITES,
    "dapr": dapr.HTTP,
    "rpcs": dapr.RPCS,
    "fusion": fusion.ALL,
    "pages": console.PAGES,
    "forms": console.FORMS,
    "without credentials": without_credentials.ALL,
    "agents": agents.ALL,
}
"""By name."""

OPERATIONS: Final[Mapping[str, Operation]] = {
    each.name: each for operations in GROUPS.values() for each in operations
}
"""By name."""
