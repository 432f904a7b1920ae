"""Situations: each is a module; SITUATIONS has them in the order in which they are played."""

from __future__ import annotations

from tests.soak.situation import Situation
from tests.soak.situations import (
    calm,
    clock,
    database,
    history,
    keys,
    kills,
    logs,
    poison,
    pooler,
    redis,
    rolling,
    sleep,
    snapshot,
)

SITUATIONS: tuple[Situation, ...] = (
    calm.CALM,
    *logs.SITUATIONS,
    redis.REDIS,
    history.HISTORY,
    snapshot.SNAPSHOT,
    database.READ_ONLY,
    database.HANG,
    database.SWITCHOVER,
    kills.KILLS,
    sleep.SLEEP,
    poison.POISON,
    rolling.ROLLING,
    keys.KEYS,
    pooler.POOLER,
    *clock.SITUATIONS,
)
