"""Parking: workers give back runs until their destination has room, and then unpark them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import psycopg

from app.domain.circuit_breaker import BlockReason
from app.domain.timings.claiming import LOOK_AHEAD, RENOTIFY_AFTER
from app.store.queries import run
from app.store.takes import Ticket

DestinationKey = tuple[int, str]
"""An account's id and the text of a destination, such as `https://example.com:443`."""


class Parking(NamedTuple):
    """A run to be parked by the worker that holds it."""

    id: UUID
    token: int
    """The token that the worker took it with."""
    destination: str
    """The text of its destination; for a run that no destination unparks, another text."""
    park_for: float
    """Seconds until the run is due again, unless a worker unparks it before."""
    block_reason: BlockReason
    reason: str
    """Why the run waits, in words for the account."""
    called: bool = False
    """Whether a call was made, but did not reach the receiver."""


def park(connection: psycopg.Connection, batch: Sequence[Parking]) -> tuple[set[UUID], set[UUID]]:
    """Park runs without counting an attempt; return the ids of parked runs, and of locked ones.

    All others had another token. A run whose row is locked stays with its worker.
    """
    rows = run(
        connection,
        "park",
        {
            "ids": [each.id for each in batch],
            "tokens": [each.token for each in batch],
            "destinations": [each.destination for each in batch],
            "park_for": [each.park_for for each in batch],
            "reasons": [each.reason for each in batch],
            "called": [each.called for each in batch],
            "ahead": LOOK_AHEAD,
        },
    )
    parked = {row[0] for row in rows.fetchall()}
    missing = [each for each in batch if each.id not in parked]
    if not missing:
        return parked, set()
    tickets = {
        "ids": [each.id for each in missing],
        "tokens": [each.token for each in missing],
    }
    return parked, {row[0] for row in run(connection, "still_taken", tickets)}


def unpark(
    connection: psycopg.Connection, wanted: Sequence[tuple[DestinationKey, int]]
) -> dict[DestinationKey, list[Ticket]]:
    """Make parked runs claimable: for each destination the given number; return their tickets."""
    rows = run(
        connection,
        "unpark",
        {
            "accounts": [account for (account, _), _ in wanted],
            "destinations": [destination for (_, destination), _ in wanted],
            "numbers": [number for _, number in wanted],
            "renotify_after": RENOTIFY_AFTER,
        },
    )
    unparked: dict[DestinationKey, list[Ticket]] = {}
    for run_id, token, account, destination in rows.fetchall():
        unparked.setdefault((account, destination), []).append((run_id, token))
    return unparked
