"""Attacks of an account that starts, aborts and chains Fusion jobs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any, Final

from bench.hostile.attack import Attack, Facts, ask
from bench.hostile.target import Target

_TASKS: Final = 16
_FOLLOWERS: Final = 100


def _put_task(target: Target, name: str, path: str) -> None:
    call = {"uri": target.url(path), "method": "post"}
    target.ask("PUT", f"/api/tasks/{name}", {"id": name, "type": "rest-call", "callParams": call})


def _act(target: Target, name: str, action: str) -> bytes:
    return target.json("POST", f"/api/jobs/task:{name}/actions", {"action": action})


def _tasks(target: Target) -> Facts:
    for n in range(_TASKS):
        _put_task(target, f"task-{n}", "/hang")
    return {}


def _start_and_abort(target: Target, number: int) -> Iterator[bytes]:
    name = f"task-{number % _TASKS}"
    return cycle([_act(target, name, "start"), _act(target, name, "abort")])


def _schedule(upstream: str, ends: str) -> dict[str, Any]:
    trigger = {"type": "job", "otherJob": upstream, "triggerType": ends, "enabled": True}
    return {"triggers": [trigger]}


def _chain(target: Target) -> Facts:
    """A task that very many others follow, however it ends."""
    _put_task(target, "first", "/ok")
    for n in range(_FOLLOWERS):
        _put_task(target, f"next-{n}", "/ok")
        path = f"/api/jobs/task:next-{n}/schedule"
        target.ask("PUT", path, _schedule("task:first", "on_completion"))
    return {}


def _start_chain(target: Target, number: int) -> Iterator[bytes]:
    """Half of the connections start the chain, the others save its schedules."""
    if number % 2:
        return cycle([_act(target, "first", "start"), _act(target, "first", "abort")])
    path = f"/api/jobs/task:next-{number}/schedule"
    return cycle(
        target.json("PUT", path, _schedule("task:first", ends))
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
