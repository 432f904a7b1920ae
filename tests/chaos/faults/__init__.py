"""Faults: each module has those of one thing; FAULTS has all of them by name."""

from __future__ import annotations

from typing import Final

from tests.chaos.fault import Fault
from tests.chaos.faults import clocks, database, logs, network, processes, queue

FAULTS: Final[dict[str, Fault]] = {
    each.name: each
    for each in (
        *processes.FAULTS,
        *queue.FAULTS,
        *database.FAULTS,
        *network.FAULTS,
        *logs.FAULTS,
        *clocks.FAULTS,
    )
}
