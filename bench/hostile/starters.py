"""Attacks of an account that starts, aborts and chains Fusion jobs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any, Final

from bench.hostile.attack import Attack, Facts, ask
from bench.hostile.target import Target

_TASKS: Final = 16
_FOLLOWERS: Final = 100


def put_task(target: Target, name: str, path: str) -> None:
    """Save a task that calls a path of the receiver."""
    call = {"uri": target.url(path), "method": "post"}
    target.ask("PUT", f"/api/tasks/{name}", {"id": name, "type": "rest-call", "callParams": call})


def act(target: Target, name: str, action: str) -> bytes:
    """An action on a task: `start` or `abort`."""
    return target.json("POST", f"/api/jobs/task:{name}/actions", {"action": action})


def _tasks(target: Target) -> Facts:
    for n in range(_TASKS):
        put_task(target, f"task-{n}", "/hang")
    return {}


def _start_and_abort(target: Target, number: int) -> Iterator[bytes]:
    name = f"task-{number % _TASKS}"
    return cycle([act(target, name, "start"), act(target, name, "abort")])


def chained(upstream: str, ends: str) -> dict[str, Any]:
    """The schedule of a job that starts when another one ends so."""
    trigger = {"type": "job", "otherJob": upstream, "triggerType": ends, "enabled": True}
    return {"triggers": [trigger]}


def _chain(target: Target) -> Facts:
    """A task that very many others follow, however it ends."""
    put_task(target, "first", "/ok")
    for n in range(_FOLLOWERS):
        put_task(target, f"next-{n}", "/ok")
        path = f"/api/jobs/task:next-{n}/schedule"
        target.ask("PUT", path, chained("task:first", "on_completion"))
    return {}


def _start_chain(target: Target, number: int) -> Iterator[bytes]:
    """Half of the connections start the chain, the others save its schedules."""
    if number % 2:
        return cycle([act(target, "first", "start"), act(target, "first", "abort")])
    path = f"/api/jobs/task:next-{number}/schedule"
    return cycle(
        target.json("PUT", path, chained("task:first", ends))
        for ends in ("on_success", "on_completion")
    )


ATTACKS: Final = (
    Attack(
        name="abort",
        about="Fusion tasks started and aborted; as after five minutes of it",
        connect=ask(_start_and_abort, _TASKS),
        prepare=_tasks,
        left_in=("aborted", "aborted_at"),
    ),
    Attack(
        name="chains",
        about="a Fusion task that 100 others follow started and aborted, schedules saved",
        connect=ask(_start_chain, 8),
        prepare=_chain,
    ),
)
