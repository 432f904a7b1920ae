"""Clients of the Fusion Jobs API: they save tasks and schedules, start and abort jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from tests.simulation.clients import Clients
from tests.simulation.clock import SimulatedClock
from tests.simulation.effects import Killed
from tests.simulation.fusion.life import (
    RUNNER_ADDRESS,
    TASK_ADDRESS,
    Action,
    FusionChange,
    FusionLife,
    FusionSchedule,
)
from tests.simulation.receivers import RUNNER
from tests.simulation.schedules import Interval, Schedule

_OUTCOMES = {
    frozenset({"succeeded"}): "on_success",
    frozenset({"failed", "dead"}): "on_failure",
    frozenset({"cancelled"}): "on_abort",
    frozenset({"succeeded", "failed", "dead"}): "on_success_or_failure",
    frozenset({"succeeded", "failed", "dead", "cancelled"}): "on_completion",
}


class FusionClients:
    """What clients ask; `find_id` returns the id of a job by its name."""

    def __init__(
        self, clients: Clients, clock: SimulatedClock, find_id: Callable[[str], str | None]
    ) -> None:
        self.lives: list[FusionLife] = []
        self._clients = clients
        self._clock = clock
        self._find_id = find_id

    def put_runners(self) -> None:
        """Configure the runner of datasources."""
        document = {"url": f"http://{RUNNER_ADDRESS}{RUNNER}"}
        self._clients.web.ask_until_answered("PUT", "/1/fusion-runners/datasource", document)

    def book(self, life: FusionLife, schedule: FusionSchedule) -> None:
        """Make a job with that schedule."""
        if life.kind == "task":
            self._ask("PUT", f"/api/tasks/{life.name}", _task(life))
        self._save(life, schedule, enabled=True)
        life.id = self._find_id(life.resource)
        self._note(life, "book", schedule)
        self.lives.append(life)
        self._clients.booked[life.name] = life

    def replace(self, life: FusionLife, schedule: FusionSchedule) -> None:
        """Give it another schedule."""
        self._save(life, schedule, enabled=True)
        self._note(life, "replace", schedule)

    def disable(self, life: FusionLife) -> None:
        """Stop it: its run under way ends, and no trigger starts it."""
        self._save(life, life.schedule, enabled=False)
        self._note(life, "disable")

    def enable(self, life: FusionLife) -> None:
        """Let its triggers start it again."""
        self._save(life, life.schedule, enabled=True)
        self._note(life, "enable")

    def delete(self, life: FusionLife) -> None:
        """Delete it."""
        self._ask("DELETE", f"/api/jobs/{life.resource}")
        self._note(life, "delete")

    def act(self, life: FusionLife, what: str) -> None:
        """Start or abort it. A request without an answer is not repeated."""
        path = f"/api/jobs/{life.resource}/actions"
        accepted: bool | None = None
        try:
            answer = self._clients.web.ask("POST", path, {"action": what})
        except Killed:
            pass
        else:
            if answer.status_code != HTTPStatus.OK:
                self._refused("POST", path, answer.text)
                return
            accepted = json.loads(answer.text)["accepted"]
        life.actions.append(Action(at=self._clock.now, what=what, accepted=accepted))

    def exists(self, life: FusionLife) -> bool:
        """Whether the job is still there."""
        answer = self._clients.web.ask_until_answered("GET", f"/api/jobs/{life.resource}")
        return answer.status_code == HTTPStatus.OK

    def _save(self, life: FusionLife, schedule: FusionSchedule, *, enabled: bool) -> None:
        document = {"enabled": enabled, "triggers": _triggers(schedule)}
        self._ask("PUT", f"/api/jobs/{life.resource}/schedule", document)

    def _ask(self, method: str, path: str, document: object = None) -> None:
        answer = self._clients.web.ask_until_answered(method, path, document)
        # A deletion that is repeated after a crash finds nothing left.
        gone = method == "DELETE" and answer.status_code == HTTPStatus.NOT_FOUND
        if answer.status_code >= HTTPStatus.MULTIPLE_CHOICES and not gone:
            self._refused(method, path, answer.text)

    def _refused(self, method: str, path: str, text: str) -> None:
        self._clients.refused.append(f"{method} {path}: {text}")

    def _note(self, life: FusionLife, what: str, schedule: FusionSchedule | None = None) -> None:
        life.changes.append(FusionChange(at=self._clock.now, what=what, schedule=schedule))


def _task(life: FusionLife) -> dict[str, Any]:
    return {
        "id": life.name,
        "type": "rest-call",
        "callParams": {
            "uri": f"http://{TASK_ADDRESS}{life.path}",
            "method": "post",
            "entity": life.name,
        },
    }


def _triggers(schedule: FusionSchedule) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    times = schedule.times
    if isinstance(times, Schedule):
        found.append({"type": "cron", "enabled": True, "expression": times.cron})
    if isinstance(times, Interval):
        found.append(
            {
                "type": "interval",
                "enabled": True,
                "interval": times.every // timedelta(hours=1),
                "timeUnit": "hour",
                "startTime": _instant(times.start),
            }
        )
    found += [
        {
            "type": "job_completion",
            "enabled": True,
            "otherJob": each.resource,
            "triggerType": _OUTCOMES[each.states],
        }
        for each in schedule.follows
    ]
    return found


def _instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")
