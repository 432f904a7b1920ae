"""Schedules: recurring jobs of every dialect, and which of their firings there have to be.

A Dapr job fires every second and loses no tick; a native job fires every ten minutes, the least
that is allowed, and makes all missed firings (`misfire` is `all`): each of their firings is owed.
Firings of a Fusion job that come due during an outage, or during its run, count as one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import NamedTuple

from app.domain.instants import format_utc
from tests.chaos.deployment import AccountKeys, Deployment
from tests.chaos.names import JOB, key_of
from tests.soak.load import Client, Target
from tests.soak.records import Asked, Fate, Span

APP = "chaos"
RETRY = {"schedule": [1, 1, 2, 4], "maxAttempts": 20}
EVERY_S = {"cron": 600, "dapr": 1, "fusion": 5}
FUSION_TYPES = ("datasource", "spark")
DISTURBED_S = 20.0
"""Seconds after a fault in which firings of Fusion jobs may count as one."""

_AHEAD_S = 3.0
_AGAIN_S = 0.2
_TRIES = 100
_CRON_EVERY_S = 2
_BOOKING_S = 5.0


class Booked(NamedTuple):
    """A recurring job: `first` is its first firing that is owed, `job` its id where it is known."""

    account: AccountKeys
    kind: str
    path: str
    address: str
    """Where the job itself is, for its deletion."""
    first: float
    job: str | None


class Schedules:
    """The recurring jobs of one run: `number` of them fire every second.

    A native job fires in each second second of the next `seconds`, ten minutes at most.
    """

    def __init__(self, made: Deployment, number: int, seconds: float) -> None:
        self._made = made
        self.booked: list[Booked] = []
        self.deleting_since: dict[str, float] = {}
        self.deleted_at: dict[str, float] = {}
        for each in made.accounts:
            client = Client(Target(made.web_ports, each.key))
            url = made.receiver_of(each.name).url(f"{each.name}/dapr")
            assert client.ask("PUT", f"/1/dapr-apps/{APP}", {"url": url}, {}).status in {200, 201}
            for kind in FUSION_TYPES:
                self.booked.append(self._book_fusion(client, each, kind))
            client.close()
        self._book_all(self._book_dapr, number)
        self._book_all(self._book_cron, round(min(seconds, EVERY_S["cron"]) / _CRON_EVERY_S))

    @property
    def paths(self) -> set[str]:
        """The paths that are called every second."""
        return {each.path for each in self.booked if EVERY_S[each.kind] == 1}

    def delete(self) -> None:
        """Delete all of them; each deletion is acknowledged."""
        for account in self._made.accounts:
            client = Client(Target(self._made.web_ports, account.key))
            for each in self.booked:
                if each.account == account:
                    self.deleting_since[each.path] = time.time()
                    _until_done(client, each.address)
                    self.deleted_at[each.path] = time.time()
            client.close()

    def asked(self, owed_until: float, until: float, spans: Sequence[Span]) -> Iterator[Asked]:
        """Every firing up to `until`; those that are due after `owed_until` may be made."""
        for each in self.booked:
            due = _begin(each)
            deleted_at = self.deleted_at[each.path]
            while due < until:
                fate = Fate.BOOKED
                if due > deleted_at:
                    fate = Fate.DELETED
                elif not each.first <= due < owed_until or (
                    each.kind == "fusion" and _is_disturbed(due, spans)
                ):
                    fate = Fate.UNKNOWN
                yield Asked(
                    key=key_of(each.path, due),
                    due=due,
                    fate=fate,
                    job=each.job,
                    deleted_at=deleted_at,
                )
                due += EVERY_S[each.kind]

    def _book_all(self, book: Callable[[Client, AccountKeys, int], Booked], number: int) -> None:
        """Book so many jobs, of each account in turn."""
        clients = [
            (each, Client(Target(self._made.web_ports, each.key))) for each in self._made.accounts
        ]
        for index in range(number):
            account, client = clients[index % len(clients)]
            self.booked.append(book(client, account, index))
        for _, client in clients:
            client.close()

    def _book_cron(self, client: Client, account: AccountKeys, index: int) -> Booked:
        path = f"{account.name}/cron/{index}"
        url = self._made.receiver_of(account.name).url(path)
        first = _first() + _BOOKING_S + index * _CRON_EVERY_S
        at = datetime.fromtimestamp(first, UTC)
        more = {"data": path, "misfire": "all", "retry": RETRY}
        document = {"url": url, "cron": f"{at.second} {at.minute % 10}/10 * * * ?", **more}
        answer = client.ask("POST", "/1/jobs", document, {})
        assert answer.status == 201, answer
        job = answer.body["id"]
        return Booked(account, "cron", path, f"/1/jobs/{job}", first, job)

    def _book_dapr(self, client: Client, account: AccountKeys, index: int) -> Booked:
        first = _first()
        document = {
            "schedule": "* * * * * *" if index % 2 else "@every 1s",
            "dueTime": format_utc(datetime.fromtimestamp(first, UTC)),
            "failurePolicy": {"constant": {"interval": "1s"}},
        }
        answer = client.ask("POST", f"/v1.0/jobs/{index}", document, {"dapr-app-id": APP})
        assert answer.status == 204, answer
        path = f"{account.name}/dapr/job/{index}"
        return Booked(account, "dapr", path, f"/v1.0/jobs/{index}", first, None)

    def _book_fusion(self, client: Client, account: AccountKeys, kind: str) -> Booked:
        path = f"{account.name}/fusion/{kind}"
        runner = {"url": self._made.receiver_of(account.name).url(path)}
        status = client.ask("PUT", f"/1/fusion-runners/{kind}", runner, {}).status
        assert status in {200, 201}, status
        trigger = {"type": "cron", "expression": f"0/{EVERY_S['fusion']} * * * * ?"}
        address = f"/api/jobs/{kind}:{JOB}"
        answer = client.ask("PUT", f"{address}/schedule", {"triggers": [trigger]}, {})
        assert answer.status == 200, answer
        return Booked(account, "fusion", path, address, _first(), None)


def _first() -> float:
    """A whole second, some seconds ahead."""
    return float(ceil(time.time() + _AHEAD_S))


def _begin(booked: Booked) -> float:
    """The first firing that there may be: a job was booked some seconds before those owed."""
    every = EVERY_S[booked.kind]
    if booked.kind == "cron":
        # The expression names the firing ten minutes before as well, which may have been ahead.
        return booked.first - every
    return float(ceil((booked.first - _AHEAD_S - every) / every) * every)


def _is_disturbed(due: float, spans: Sequence[Span]) -> bool:
    return any(each.began - 1 <= due <= each.mended + DISTURBED_S for each in spans)


def _until_done(client: Client, address: str) -> None:
    """Delete a job, however often that has to be asked for. Raises AssertionError."""
    for _ in range(_TRIES):
        status = client.ask("DELETE", address, None, {"dapr-app-id": APP}).status
        if status in {200, 204, 404}:
            return
        time.sleep(_AGAIN_S)
    raise AssertionError(f"{address} cannot be deleted: {status}")
