"""Play: one seed from its beginning to its judgement."""

from __future__ import annotations

import base64
import random
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final
from unittest.mock import patch

import psycopg

from tests.factories import connect
from tests.servers import Databases
from tests.simulation import scenario
from tests.simulation.checker import violations
from tests.simulation.clients import Clients, Web
from tests.simulation.clock import CLOCK
from tests.simulation.dapr.clients import DaprClients
from tests.simulation.effects import Effects
from tests.simulation.evidence import Evidence, instant_at, read_runs
from tests.simulation.fusion.clients import FusionClients
from tests.simulation.items import Item
from tests.simulation.plan import Plan
from tests.simulation.world import Endless, World, make_surroundings

KEY: Final = base64.urlsafe_b64encode(b"k" * 32).decode()
_DRAIN_S: Final = 3 * 86_400.0
"""How long it is played on once nothing begins any more, and no outage goes on."""

_JOB: Final = "SELECT id FROM job WHERE name = %s AND dialect = %s"

Draw = Callable[[World, Plan, int, Iterable[Item], float], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What is played of a seed."""

    seed: int
    plan: Plan
    items: tuple[Item, ...]
    until: float
    """Nothing begins later, in seconds since the beginning."""

    @staticmethod
    def whole(seed: int, plan: Plan) -> Scene:
        """All of the seed."""
        return Scene(seed=seed, plan=plan, items=plan.items, until=plan.seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came of a scene."""

    scene: Scene
    violations: list[str]
    evidence: Evidence
    acted: frozenset[Item]
    """The items that have begun."""
    killed: int
    moments: int
    took_s: float


def play(
    databases: Databases,
    scene: Scene,
    draw: Draw = scenario.draw,
    kill_at: int | None = None,
) -> Result:
    """Play the scene in a database of its own. The process must be the simulation's own.

    At the moment `kill_at` (tests/simulation/effects.py) the process that acts dies.
    """
    began = time.monotonic()
    random.seed(scene.seed)
    CLOCK.passed, CLOCK.database_ahead = 0.0, 0.0
    database = databases.fresh()
    effects = Effects()
    with connect(database) as control, connect(database) as connection:
        CLOCK.install(control)
        with effects.installed(), _patient(), tempfile.TemporaryDirectory() as home:
            web = Web(CLOCK, effects, _settings(database, home))
            world = _world(database, scene, effects, web, connection)
            draw(world, scene.plan, scene.seed, scene.items, scene.until)
            if kill_at is not None:
                world.note_incident(scene.until, "a process is to be killed")
                effects.kill_at = effects.moments + kill_at
            stuck = _run(world, scene, effects)
            evidence = _evidence(world, connection)
            web.close()
            for name in list(world.running):
                world.kill(name)
    databases.drop(database.rpartition("/")[2].partition("?")[0])
    return Result(
        scene=scene,
        violations=[
            *stuck,
            *violations(evidence),
            *(f"refused: {each}" for each in world.clients.refused),
        ],
        evidence=evidence,
        acted=frozenset(world.acted),
        killed=len(set(effects.killed)),
        moments=effects.moments,
        took_s=time.monotonic() - began,
    )


def _patient() -> AbstractContextManager[object]:
    """Let statements of schedulers take long: it is real time, and so not of the simulation."""
    return patch("workers.ended_runs.SCHEDULER_SETTLE_S", 60.0)


def _run(world: World, scene: Scene, effects: Effects) -> list[str]:
    """Play it, and let what was begun come to its end; what kept it from that."""
    try:
        world.start()
        world.run(scene.until)
        effects.kill_at = None
        # An outage that was drawn for the next firing of a job may begin days after `until`.
        while world.clock.passed < (end := max(scene.until, world.down_until) + _DRAIN_S):
            world.run(end)
    except Endless as error:
        return [f"endless: {error}"]
    return []


def _world(
    database: str,
    scene: Scene,
    effects: Effects,
    web: Web,
    connection: psycopg.Connection,
) -> World:
    around = make_surroundings(CLOCK, effects, database, KEY, scene.seed)
    clients = Clients(web, CLOCK)

    def find(dialect: str) -> Callable[[str], str | None]:
        def find_id(name: str) -> str | None:
            row = connection.execute(_JOB, (name, dialect)).fetchone()
            return None if row is None else f"{row[0]}"

        return find_id

    world = World(
        around,
        clients,
        DaprClients(clients, CLOCK, find("dapr")),
        FusionClients(clients, CLOCK, find("fusion")),
        connection,
        most_moments=scene.plan.most_moments,
    )
    pause = random.Random(f"restart {scene.seed}")
    world.restart_after = lambda: pause.choice([0.2, 1.0, 7.0])
    return world


def _evidence(world: World, connection: psycopg.Connection) -> Evidence:
    clients, dapr, fusion = world.clients, world.dapr, world.fusion
    there = {each.name for each in clients.lives if clients.exists(each)}
    there |= {each.name for each in dapr.lives if dapr.exists(each)}
    there |= {each.name for each in fusion.lives if fusion.exists(each)}
    return Evidence(
        lives=clients.lives,
        dapr=dapr.lives,
        fusion=fusion.lives,
        arrivals=world.around.receivers.arrivals,
        runs=read_runs(connection),
        incidents=list(world.incidents),
        aways=list(world.aways),
        ended=instant_at(world.clock.passed),
        secrets=clients.secrets,
        redelivered=clients.redelivered,
        reports=clients.reports,
        there=there,
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
