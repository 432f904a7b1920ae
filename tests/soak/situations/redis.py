"""Redis: its data is deleted; it is killed, and started again after a while."""

from __future__ import annotations

import redis as client

from tests.soak.deployment import Deployment
from tests.soak.situation import Situation


def _play(deployment: Deployment) -> None:
    with client.Redis.from_url(deployment.instance.environment["REDIS_URL"]) as connection:
        connection.flushall()
    deployment.rest(0.1)
    deployment.valkey.kill()
    deployment.rest(0.25)
    deployment.valkey.start()
    deployment.mended()


REDIS = Situation("redis", "Valkey is flushed, killed and started again", _play)
