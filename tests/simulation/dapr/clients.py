"""Clients of the Dapr Jobs API: they book, overwrite and delete jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import orjson

from tests.simulation.clients import Clients
from tests.simulation.clock import SimulatedClock
from tests.simulation.dapr.life import App, DaprChange, DaprLife, Policy, Ticks
from tests.simulation.effects import Killed

APPS: Final = tuple(App(f"app-{number}", f"127.0.0.1:{6200 + number}") for number in range(3))


class DaprClients:
    """What the clients of all apps ask; `find_id` returns the id of a job by its name."""

    def __init__(
        self, clients: Clients, clock: SimulatedClock, find_id: Callable[[str], str | None]
    ) -> None:
        self.lives: list[DaprLife] = []
        self._clients = clients
        self._clock = clock
        self._find_id = find_id

    def put_apps(self) -> None:
        """Configure the apps."""
        for app in APPS:
            document = {"url": f"http://{app.address}"}
            self._clients.web.ask_until_answered("PUT", f"/1/dapr-apps/{app.id}", document)

    def book(self, life: DaprLife, ticks: Ticks) -> None:
        """Book a job. If the web was killed, the booking is repeated, and may find it there."""
        expected = {HTTPStatus.NO_CONTENT}
        try:
            self._ask(life, "POST", ticks, expected, once=True)
        except Killed:
            self._ask(life, "POST", ticks, expected | {HTTPStatus.CONFLICT})
        self._note(life, "book", ticks)
        self.lives.append(life)
        self._clients.booked[life.name] = life

    def overwrite(self, life: DaprLife, ticks: Ticks) -> None:
        """Book it anew, with other ticks; a job that is over is a new one then."""
        self._ask(life, "POST", ticks, {HTTPStatus.NO_CONTENT}, overwrite=True)
        self._note(life, "overwrite", ticks)

    def delete(self, life: DaprLife) -> None:
        """Delete it, whether or not it is over."""
        self._ask(life, "DELETE", None, {HTTPStatus.NO_CONTENT})
        self._note(life, "delete", None)

    def exists(self, life: DaprLife) -> bool:
        """Whether the job is still there."""
        expected = {HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR}
        return self._ask(life, "GET", None, expected) == HTTPStatus.OK

    def _note(self, life: DaprLife, what: str, ticks: Ticks | None) -> None:
        now = self._clock.now
        begun = None if ticks is None else replace(ticks, start=now)
        life.changes.append(DaprChange(at=now, what=what, ticks=begun))
        found = self._find_id(life.name)
        if found is not None and found not in life.ids:
            life.ids.append(found)

    def _ask(
        self,
        life: DaprLife,
        method: str,
        ticks: Ticks | None,
        expected: set[HTTPStatus],
        *,
        once: bool = False,
        overwrite: bool = False,
    ) -> int:
        document = None if ticks is None else _document(life, ticks)
        if document is not None and overwrite:
            document["overwrite"] = True
        web = self._clients.web
        ask = web.ask if once else web.ask_until_answered
        headers = {"dapr-app-id": life.app.id}
        answer = ask(method, f"/v1.0/jobs/{life.name}", document, "", headers)
        if answer.status_code not in expected:
            self._clients.refused.append(
                f"{method} {life.name} {document}: {answer.status_code} {answer.text}"
            )
        return answer.status_code


def _document(life: DaprLife, ticks: Ticks) -> dict[str, Any]:
    document: dict[str, Any] = {
        "data": orjson.loads(life.body),
        "failurePolicy": _policy(life.policy),
    }
    if ticks.every is not None:
        document["schedule"] = f"@every {duration(ticks.every)}"
    if ticks.fields is not None:
        zone = ticks.fields.zone
        prefix = "" if zone == "UTC" else f"CRON_TZ={zone} "
        document["schedule"] = prefix + ticks.fields.cron
    if ticks.first is not None:
        document["dueTime"] = _instant(ticks.first)
    if ticks.repeats is not None:
        document["repeats"] = ticks.repeats
    if ticks.lasts is not None:
        document["ttl"] = duration(ticks.lasts)
    return document


def duration(length: timedelta) -> str:
    """As Go writes it: `1h30m`, `20ms`."""
    milliseconds = length // timedelta(milliseconds=1)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    parts = [(hours, "h"), (minutes, "m"), (rest, "ms")]
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def _policy(policy: Policy) -> dict[str, Any]:
    if policy.retries == 0:
        return {"drop": {}}
    constant: dict[str, Any] = {"interval": f"{policy.interval:g}s"}
    if policy.retries is not None:
        constant["maxRetries"] = policy.retries
    return {"constant": constant}


def _instant(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
