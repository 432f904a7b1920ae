"""Clients: what they ask of the web, and what they know of their jobs by its answers."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Protocol

import orjson
from flask import Flask
from werkzeug.test import TestResponse

from app import config, create_app
from app.api.context import context_of
from app.service import accounts
from app.store.engine import db
from tests.simulation.clock import SimulatedClock
from tests.simulation.effects import Effects, Killed, Process
from tests.simulation.schedules import AnySchedule, Once, Schedule

HOST: Final = "http://127.0.0.1:8080"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What a client has done to a job, and when it was answered."""

    at: datetime
    what: str
    """`book`, `replace`, `pause`, `resume` or `delete`."""
    schedule: AnySchedule | None = None


class Booked(Protocol):
    """A job of any dialect that was booked, as far as changes and faults aim at it."""

    @property
    def name(self) -> str:
        """The name of the item that booked it."""

    def is_gone(self) -> bool:
        """Whether it was deleted, or never made."""

    def due_between(self, after: datetime, until: datetime) -> list[datetime]:
        """Its firings after the one instant and not after the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """A signing secret as its client knows it."""

    value: str
    created: datetime
    expires: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A result that a receiver has reported, and that was accepted."""

    run_id: str
    at: datetime
    status: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """Whether a client has found its job."""

    at: datetime
    is_there: bool


@dataclass(slots=True)
class Life:
    """What the client of a job knows about it."""

    path: str
    """The path of its receiver."""
    body: bytes
    misfire: str
    changes: list[Change] = field(default_factory=list)
    id: str | None = None
    looks: list[Look] = field(default_factory=list)
    fired: int = 0
    """How many calls by hand were accepted."""
    is_tried_once: bool = False
    """Whether a run ends with its first call, however that is answered."""

    @property
    def name(self) -> str:
        """The name of the job."""
        return self.path.strip("/")

    def is_gone(self) -> bool:
        """Whether it was deleted, or never made."""
        return not self.changes or self.changes[-1].what == "delete"

    def is_paused(self) -> bool:
        """Whether no firing is due."""
        changes = [each.what for each in self.changes if each.what in {"pause", "resume"}]
        return bool(changes) and changes[-1] == "pause"

    @property
    def schedule(self) -> AnySchedule:
        """The one that counts now."""
        return next(each.schedule for each in reversed(self.changes) if each.schedule)

    def due_between(self, after: datetime, until: datetime) -> list[datetime]:
        """Its firings after the one instant and not after the other."""
        return [] if self.is_paused() else self.schedule.between(after, until)


class Web:
    """A web process, which is started again where it was killed."""

    def __init__(self, clock: SimulatedClock, effects: Effects, settings: dict[str, str]) -> None:
        self.process = Process("web")
        self.killed = 0
        self._clock = clock
        self._effects = effects
        self._settings = config.load(settings)
        self._app = self._start()
        self._key = accounts.create(context_of(self._app), "simulated")

    def ask(
        self,
        method: str,
        path: str,
        document: object = None,
        key: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """The answer to a request; Killed if the process ended before it was there."""
        sent = {"Authorization": f"Bearer {key or self._key}", "Accept": "application/json"}
        body = None if document is None else orjson.dumps(document)
        try:
            with self._effects.of(self.process):
                return self._app.test_client().open(
                    path,
                    method=method,
                    data=body,
                    content_type=None if body is None else "application/json",
                    headers={**sent, **(headers or {})},
                )
        except Killed:
            self._restart()
            raise

    def ask_until_answered(
        self,
        method: str,
        path: str,
        document: object = None,
        key: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """The answer to a request that may be repeated."""
        while True:
            try:
                return self.ask(method, path, document, key, headers)
            except Killed:
                continue

    def close(self) -> None:
        """End it."""
        with self._app.app_context():
            db.engine.dispose()

    def _start(self) -> Flask:
        self.process = Process("web")
        return create_app(self._settings)

    def _restart(self) -> None:
        self.killed += 1
        self.process.close_sessions()
        self._app = self._start()


class Clients:
    """Books and changes jobs; a request that was not answered is looked up or repeated."""

    def __init__(self, web: Web, clock: SimulatedClock) -> None:
        self.web = web
        self.lives: list[Life] = []
        self.booked: dict[str, Booked] = {}
        """The jobs of all dialects, by the name of the item that booked them."""
        self.refused: list[str] = []
        self.redelivered: defaultdict[str, list[float]] = defaultdict(list)
        """When a client has asked for a run to be called again."""
        self.reports: list[Report] = []
        self.secrets = [Secret(value=each, created=clock.now) for each in self._listed_secrets()]
        self._clock = clock

    def book(self, life: Life, schedule: AnySchedule, **members: Any) -> None:
        """Book a job with that schedule. If the web was killed, the job is there or is not."""
        name = life.name
        document = {
            "name": name,
            "url": HOST + life.path,
            "data": life.body.decode(),
            "misfire": life.misfire,
            **_timing(schedule),
            **members,
        }
        try:
            answer = self.web.ask("POST", "/1/jobs", document)
        except Killed:
            answer = self.web.ask_until_answered("GET", f"/1/jobs/by-name/{name}")
            if answer.status_code == 404:
                return
        if answer.status_code not in {200, 201}:
            self.refused.append(f"book {name}: {answer.status_code} {answer.text}")
            return
        life.id = json.loads(answer.text)["id"]
        life.changes.append(Change(at=self._clock.now, what="book", schedule=schedule))
        self.lives.append(life)
        self.booked[life.name] = life

    def replace(self, life: Life, schedule: AnySchedule) -> None:
        """Give it another schedule, and keep the rest."""
        document = {
            "name": life.name,
            "url": HOST + life.path,
            "data": life.body.decode(),
            "misfire": life.misfire,
            **_timing(schedule),
        }
        self._change(life, "PUT", "", "replace", schedule, document)

    def pause(self, life: Life) -> None:
        """Pause it."""
        self._change(life, "POST", "/pause", "pause")

    def resume(self, life: Life) -> None:
        """Resume it."""
        self._change(life, "POST", "/resume", "resume")

    def delete(self, life: Life) -> None:
        """Delete it; one that has ended meanwhile is gone as well."""
        self._change(life, "DELETE", "", "delete", expected={204, 404})

    def fire(self, life: Life) -> None:
        """Let it be called now, besides its schedule."""
        with suppress(Killed):
            answer = self.web.ask("POST", f"/1/jobs/{life.id}/fire")
            life.fired += answer.status_code < HTTPStatus.MULTIPLE_CHOICES

    def exists(self, life: Life) -> bool:
        """Whether its job is still there."""
        answer = self.web.ask_until_answered("GET", f"/1/jobs/{life.id}")
        return answer.status_code == HTTPStatus.OK

    def look(self, life: Life) -> None:
        """See whether its job is there now."""
        life.looks.append(Look(at=self._clock.now, is_there=self.exists(life)))

    def rotate(self, overlap: float) -> None:
        """Make a new signing secret; the older ones remain valid for so many seconds."""
        with suppress(Killed):
            self.web.ask("POST", "/1/secrets/rotate", {"overlap": int(overlap)})
        now, known = self._clock.now, {each.value for each in self.secrets}
        made = [each for each in self._listed_secrets() if each not in known]
        if not made:
            return  # the account has as many as it may, or the web was killed before
        ends = now + timedelta(seconds=overlap)
        older = [replace(each, expires=min(each.expires or ends, ends)) for each in self.secrets]
        self.secrets = older + [Secret(value=each, created=now) for each in made]

    def _listed_secrets(self) -> list[str]:
        found = json.loads(self.web.ask_until_answered("GET", "/1/secrets").text)
        return [each["value"] for each in found]

    def redeliver(self, run_id: str) -> None:
        """Let a run be called again that is over."""
        self.redelivered[run_id].append(self._clock.passed)
        answer = self.web.ask_until_answered("POST", f"/1/runs/{run_id}/redeliver")
        if answer.status_code not in {202, 409, 404}:
            self.refused.append(f"redeliver {run_id}: {answer.status_code} {answer.text}")

    def complete(self, run_id: str, token: str, status: str = "succeeded") -> bool:
        """Report the result of what a run began; False where it is to be reported again later."""
        path = f"/1/runs/{run_id}/complete"
        answer = self.web.ask_until_answered("POST", path, {"status": status}, key=token)
        if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            return False
        if answer.status_code in {200, 202}:
            self.reports.append(Report(run_id=run_id, at=self._clock.now, status=status))
        elif answer.status_code != HTTPStatus.CONFLICT:
            self.refused.append(f"complete {run_id}: {answer.status_code} {answer.text}")
        return True

    def _change(
        self,
        life: Life,
        method: str,
        action: str,
        what: str,
        schedule: AnySchedule | None = None,
        document: object = None,
        *,
        expected: frozenset[int] | set[int] = frozenset({200, 404}),
    ) -> None:
        answer = self.web.ask_until_answered(method, f"/1/jobs/{life.id}{action}", document)
        if answer.status_code not in expected:
            self.refused.append(f"{what} {life.path}: {answer.status_code} {answer.text}")
            return
        gone = answer.status_code == 404
        life.changes.append(
            Change(at=self._clock.now, what="delete" if gone else what, schedule=schedule)
        )


def _timing(schedule: AnySchedule) -> dict[str, Any]:
    if isinstance(schedule, Once):
        return {"when": schedule.at.isoformat()}
    if not isinstance(schedule, Schedule):
        raise TypeError("a native job has a cron expression or an instant")
    members: dict[str, Any] = {"cron": schedule.cron}
    if schedule.zone != "UTC":
        members["timezone"] = schedule.zone
    return members
