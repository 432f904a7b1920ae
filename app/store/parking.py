"""Parking: runs that are given back until their destination has room, and those sent for again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import psycopg

from app.domain.circuit_breaker import Cause
from app.domain.timings import LOOK_AHEAD, RENOTIFY_AFTER
from app.store.queries import run
from app.store.takes import Ticket

Parked = tuple[int, str]
"""An account's id and the text of a destination, as `https://example.com:443`."""


class Release(NamedTuple):
    """A run given back under its token: it stays away for `leave` seconds, unless sent for.

    `called` where its call was made, and reached nobody.
    """

    id: UUID
    token: int
    destination: str
    leave: float
    cause: Cause
    reason: str
    called: bool = False


def release(
    connection: psycopg.Connection, batch: Sequence[Release]
) -> tuple[set[UUID], set[UUID]]:
    """Give runs back, no attempt counted; those whose token still matched, and those left.

    Left are those that somebody else has locked, who is not waited for: they are still held.
    """
    rows = run(
        connection,
        "release",
        {
            "ids": [each.id for each in batch],
            "tokens": [each.token for each in batch],
            "destinations": [each.destination for each in batch],
            "leaves": [each.leave for each in batch],
            "reasons": [each.reason for each in batch],
            "called": [each.called for each in batch],
            "ahead": LOOK_AHEAD,
        },
    )
    released = {row[0] for row in rows.fetchall()}
    missing = [each for each in batch if each.id not in released]
    if not missing:
        return released, set()
    tickets = {
        "ids": [each.id for each in missing],
        "tokens": [each.token for each in missing],
    }
    return released, {row[0] for row in run(connection, "still_held", tickets)}


def summon(
    connection: psycopg.Connection, wanted: Sequence[tuple[Parked, int]]
) -> dict[Parked, list[Ticket]]:
    """Send for as many of the runs parked for each destination; those there were, to be taken."""
    rows = run(
        connection,
        "summon",
        {
            "accounts": [account for (account, _), _ in wanted],
            "destinations": [destination for (_, destination), _ in wanted],
            "numbers": [number for _, number in wanted],
            "renotify_after": RENOTIFY_AFTER,
        },
    )
    called: dict[Parked, list[Ticket]] = {}
    for run_id, token, account, destination in rows.fetchall():
        called.setdefault((account, destination), []).append((run_id, token))
    return called
