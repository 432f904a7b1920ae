"""Deeds of an account that starts, aborts and chains Fusion jobs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any, Final

from bench.hostile.deed import Deed, Facts, ask
from bench.hostile.ground import Ground

_TASKS: Final = 16
_FOLLOWERS: Final = 100


def _put_task(ground: Ground, name: str, path: str) -> None:
    call = {"uri": ground.url(path), "method": "post"}
    ground.ask("PUT", f"/api/tasks/{name}", {"id": name, "type": "rest-call", "callParams": call})


def _act(ground: Ground, name: str, action: str) -> bytes:
    return ground.json("POST", f"/api/jobs/task:{name}/actions", {"action": action})


def _tasks(ground: Ground) -> Facts:
    for n in range(_TASKS):
        _put_task(ground, f"task-{n}", "/hang")
    return {}


def _start_and_abort(ground: Ground, number: int) -> Iterator[bytes]:
    name = f"task-{number % _TASKS}"
    return cycle([_act(ground, name, "start"), _act(ground, name, "abort")])


def _schedule(upstream: str, ends: str) -> dict[str, Any]:
    trigger = {"type": "job", "otherJob": upstream, "triggerType": ends, "enabled": True}
    return {"triggers": [trigger]}


def _chain(ground: Ground) -> Facts:
    """A task that very many others follow, however it ends."""
    _put_task(ground, "first", "/ok")
    for n in range(_FOLLOWERS):
        _put_task(ground, f"next-{n}", "/ok")
        path = f"/api/jobs/task:next-{n}/schedule"
        ground.ask("PUT", path, _schedule("task:first", "on_completion"))
    return {}


def _start_chain(ground: Ground, number: int) -> Iterator[bytes]:
    """Half of the connections start the chain, the others save its schedules."""
    if number % 2:
        return cycle([_act(ground, "first", "start"), _act(ground, "first", "abort")])
    path = f"/api/jobs/task:next-{number}/schedule"
    return cycle(
        ground.json("PUT", path, _schedule("task:first", ends))
        for ends in ("on_success", "on_completion")
    )


DEEDS: Final = (
    Deed(
        name="abort",
        about="Fusion tasks started and aborted; as after five minutes of it",
        attack=ask(_start_and_abort, _TASKS),
        prepare=_tasks,
        left_in=("aborted", "aborted_at"),
    ),
    Deed(
        name="chains",
        about="a Fusion task that 100 others follow started and aborted, schedules saved",
        attack=ask(_start_chain, 8),
        prepare=_chain,
    ),
)
