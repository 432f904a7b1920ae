"""Scenario: puts what a seed draws into the script of a world, item by item."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from tests.simulation import faults, native_jobs, staged_faults
from tests.simulation.dapr import jobs as dapr_jobs
from tests.simulation.fusion import jobs as fusion_jobs
from tests.simulation.items import Item
from tests.simulation.parts import Part
from tests.simulation.plan import Plan
from tests.simulation.world import World

_DRAW: Final[dict[str, Callable[[Part], None]]] = {
    "recurring": native_jobs.draw_recurring,
    "once": native_jobs.draw_one_time,
    "dapr": dapr_jobs.draw_job,
    "fusion": fusion_jobs.draw_job,
    "change": native_jobs.draw_change,
    "dapr-change": dapr_jobs.draw_change,
    "fusion-change": fusion_jobs.draw_change,
    "redelivery": native_jobs.draw_redelivery,
    "rotation": native_jobs.draw_rotation,
    "fault": faults.draw_fault,
    "single": staged_faults.draw_single,
    "close": staged_faults.draw_close,
    "missed": staged_faults.draw_missed,
    "taken": staged_faults.draw_taken,
    "stale": staged_faults.draw_stale,
    "dapr-failing": dapr_jobs.draw_failing,
    "fusion-aborted": fusion_jobs.draw_aborted,
}


def draw(world: World, plan: Plan, seed: int, items: Iterable[Item], until: float) -> None:
    """Put the items into the script; none of them begins later than `until`, in seconds."""
    dapr_jobs.put_apps(world)
    fusion_jobs.put_runners(world)
    for item in items:
        chance = item.chance(seed)
        _DRAW[item.kind](Part(world=world, plan=plan, item=item, chance=chance, until=until))
