"""Left to workers: schedulers of the simulation that leave all one-time jobs to the workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final
from unittest.mock import patch

import psycopg

from app.domain.firing_rate import FiringLimits
from app.store import overdue
from app.store.overdue import Slots
from tests.simulation.checker import ON_TIME_S
from tests.simulation.dapr.checks import ON_TIME as DAPR_ON_TIME
from tests.simulation.fusion.checks import ON_TIME as FUSION_ON_TIME
from workers.overdue_offers import OverdueOffers

_LEFT_FOR: Final = timedelta(seconds=0.15)
"""How late a firing is before a scheduler claims it."""

_REST_S: Final = 0.1
"""How long a thread that polls may rest: what is late already is found soon."""

_LATER: Final = _LEFT_FOR.total_seconds() + _REST_S
"""By how much later than otherwise a call counts as on time."""


@contextmanager
def left_to_workers() -> Iterator[None]:
    """Let schedulers offer one-time jobs that are due, and claim only what is left for a while."""
    later = timedelta(seconds=_LATER)
    with (
        patch.object(OverdueOffers, "next", _next),
        patch("workers.scheduler.LOOK_AHEAD", -_LEFT_FOR),
        patch("tests.simulation.processes._REST_S", _REST_S),
        patch("tests.simulation.checker.ON_TIME_S", ON_TIME_S + _LATER),
        patch("tests.simulation.dapr.checks.ON_TIME", DAPR_ON_TIME + later),
        patch("tests.simulation.fusion.checks.ON_TIME", FUSION_ON_TIME + later),
    ):
        yield


def _next(
    _self: OverdueOffers,
    connection: psycopg.Connection,
    limits: FiringLimits,
    *,
    lookback: float,
    until: datetime,
) -> Slots | None:
    """Offer whatever a worker may begin by itself."""
    found = overdue.find(connection, lookback=lookback, until=until, most=10, counted=limits.of)
    return found.slots if found.plain else None
