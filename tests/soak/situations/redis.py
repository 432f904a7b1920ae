"""Redis: its data is deleted; it is killed, and started again after a while."""

from __future__ import annotations

import redis as client

from tests.soak.ground import Ground
from tests.soak.situation import Situation


def _play(ground: Ground) -> None:
    with client.Redis.from_url(ground.instance.environment["REDIS_URL"]) as connection:
        connection.flushall()
    ground.rest(0.1)
    ground.valkey.kill()
    ground.rest(0.25)
    ground.valkey.start()
    ground.mended()


REDIS = Situation("redis", "Valkey is flushed, killed and started again", _play)
