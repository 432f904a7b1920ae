"""Play: one seed from its beginning to its judgement."""

from __future__ import annotations

import base64
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psycopg

from tests.factories import connect
from tests.servers import Databases
from tests.simulation.checker import violations
from tests.simulation.clients import Clients, Web
from tests.simulation.clock import CLOCK
from tests.simulation.effects import Effects
from tests.simulation.evidence import Evidence, instant_at, read_runs
from tests.simulation.scenario import Plan, draw
from tests.simulation.world import Endless, World, make_surroundings

KEY: Final = base64.urlsafe_b64encode(b"k" * 32).decode()
_DRAIN_S: Final = 3 * 86_400.0


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a seed."""

    seed: int
    violations: list[str]
    calls: int
    runs: int
    killed: int
    moments: int
    took_s: float


def play(
    databases: Databases,
    seed: int,
    plan: Plan,
    draw: Callable[[World, Plan, int], None] = draw,
    kill_at: int | None = None,
) -> Result:
    """Play the seed in a database of its own. The process must be the simulation's own.

    At the moment `kill_at` (tests/simulation/effects.py) the process that acts dies.
    """
    began = time.monotonic()
    random.seed(seed)
    CLOCK.passed, CLOCK.database_ahead = 0.0, 0.0
    database = databases.fresh()
    effects = Effects()
    with connect(database) as control, connect(database) as connection:
        CLOCK.install(control)
        with effects.installed(), tempfile.TemporaryDirectory() as home:
            web = Web(CLOCK, effects, _settings(database, home))
            world = _world(database, seed, plan, effects, web, connection)
            draw(world, plan, seed)
            if kill_at is not None:
                world.note_incident(plan.seconds, "a process is to be killed")
                effects.kill_at = effects.moments + kill_at
            stuck = _run(world, plan, effects)
            evidence = _evidence(world, connection)
            web.close()
            for name in list(world.running):
                world.kill(name)
    result = Result(
        seed=seed,
        violations=[
            *stuck,
            *violations(evidence),
            *(f"refused: {each}" for each in world.clients.refused),
        ],
        calls=len(evidence.arrivals),
        runs=len(evidence.runs),
        killed=len(set(effects.killed)),
        moments=effects.moments,
        took_s=time.monotonic() - began,
    )
    databases.drop(database.rpartition("/")[2].partition("?")[0])
    return result


def _run(world: World, plan: Plan, effects: Effects) -> list[str]:
    """Play it, and let what was begun come to its end; what kept it from that."""
    try:
        world.start()
        world.run(plan.seconds)
        effects.kill_at = None
        world.run(plan.seconds + _DRAIN_S)
    except Endless as error:
        return [f"endless: {error}"]
    return []


def _world(
    database: str,
    seed: int,
    plan: Plan,
    effects: Effects,
    web: Web,
    connection: psycopg.Connection,
) -> World:
    around = make_surroundings(CLOCK, effects, database, KEY, seed)
    world = World(around, Clients(web, CLOCK), connection, most_moments=plan.most_moments)
    pause = random.Random(f"restart {seed}")
    world.restart_after = lambda: pause.choice([0.2, 1.0, 7.0])
    return world


def _evidence(world: World, connection: psycopg.Connection) -> Evidence:
    return Evidence(
        lives=world.clients.lives,
        arrivals=world.around.receivers.arrivals,
        runs=read_runs(connection),
        incidents=world.incidents,
        ended=instant_at(world.clock.passed),
        secrets=world.clients.web.secrets(),
        redelivered=world.clients.redelivered,
    )


def _settings(database: str, home: str) -> dict[str, str]:
    return {
        "WAKECALL_HOME": home,
        "DATABASE_URL": database,
        "WAKECALL_SECRET_KEY": KEY,
        "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
        "WAKECALL_RATE_LIMIT": "off",
        "WAKECALL_LOG_LEVEL": "error",
    }
