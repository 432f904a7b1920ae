"""Snapshot: a transaction stays open, as that of a backup does, while the queues go on."""

from __future__ import annotations

from tests.factories import one
from tests.soak.ground import Ground
from tests.soak.situation import Situation


def _play(ground: Ground) -> None:
    with ground.connect() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        one(connection, "SELECT count(*) FROM due")
        ground.rest(0.7)
    ground.mended()


SNAPSHOT = Situation("snapshot", "a transaction that reads stays open", _play)
