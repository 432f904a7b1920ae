"""Fusion: the operations of the Fusion Jobs API."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Final

from bench.hostile.readers import long_task
from bench.hostile.starters import act, chained
from bench.hostile.target import Target
from bench.neighbours.operation import Operation, get, in_turn, send

_TRIGGERS: Final = 100


def _schedule(target: Target, _number: int) -> Iterator[bytes]:
    """As many triggers as a schedule may have, on one job from all connections."""
    triggers = [
        {"type": "cron", "enabled": True, "expression": f"0 {n % 60} {n % 24} * * ?"}
        for n in range(_TRIGGERS)
    ]
    path = "/api/jobs/task:long-0/schedule"
    return cycle([target.json("PUT", path, {"triggers": triggers})])


def _delete_schedule(target: Target, number: int) -> Iterator[bytes]:
    path = f"/api/jobs/datasource:brief-{number}/schedule"
    put = target.json("PUT", path, chained("task:long-0", "on_completion"))
    return cycle([put, target.request("DELETE", path)])


def _delete_job(target: Target, number: int) -> Iterator[bytes]:
    path = f"/api/jobs/datasource:gone-{number}"
    put = target.json("PUT", f"{path}/schedule", chained("task:long-0", "on_completion"))
    return cycle([put, target.request("DELETE", path)])


def _delete_task(target: Target, number: int) -> Iterator[bytes]:
    name = f"brief-{number}"
    path = f"/api/tasks/{name}"
    return cycle(
        [target.json("PUT", path, long_task(target, name)), target.request("DELETE", path)]
    )


def _create_task(target: Target, number: int) -> Iterator[bytes]:
    """Creates a task and deletes it again, since a task of its name is refused."""
    name = f"made-{number}"
    create = target.json("POST", "/api/tasks", long_task(target, name))
    return cycle([create, target.request("DELETE", f"/api/tasks/{name}")])


def _start_and_abort(target: Target, _number: int) -> Iterator[bytes]:
    return cycle([act(target, "hanging", "start"), act(target, "hanging", "abort")])


ALL: Final[tuple[Operation, ...]] = (
    get("fusion.list_jobs", "/api/jobs?limit=1000"),
    get("fusion.get_job", "/api/jobs/task:long-0"),
    in_turn("DELETE fusion.delete_job", _delete_job),
    in_turn("POST fusion.act", _start_and_abort),
    get("fusion.get_history", "/api/jobs/task:hanging/history?limit=1000"),
    get("fusion.get_schedule", "/api/jobs/task:long-0/schedule"),
    in_turn("PUT fusion.put_schedule", _schedule),
    in_turn("DELETE fusion.delete_schedule", _delete_schedule),
    get("fusion_tasks.list_tasks", "/api/tasks"),
    in_turn("POST fusion_tasks.create_task", _create_task),
    get("fusion_tasks.get_task", "/api/tasks/long-0"),
    send(
        "PUT",
        "fusion_tasks.put_task",
        "/api/tasks/long-1",
        lambda target: long_task(target, "long-1"),
    ),
    in_turn("DELETE fusion_tasks.delete_task", _delete_task),
)
"""Paths below /api/apollo and /api/apps have the same views."""
