"""Snapshot: a transaction stays open, as that of a backup does, while the queues go on."""

from __future__ import annotations

from tests.factories import one
from tests.soak.deployment import Deployment
from tests.soak.situation import Situation


def _play(deployment: Deployment) -> None:
    with deployment.connect() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        one(connection, "SELECT count(*) FROM due")
        deployment.rest(0.7)
    deployment.mended()


SNAPSHOT = Situation("snapshot", "a transaction that reads stays open", _play)
