"""Whatever one account has standing in a web process, others are answered before it.

Each operation of bench/neighbours is done on many connections, and its requests stay where they
are. Nothing here depends on the speed of the machine: with one queue for all, the others wait until
the requests that stand are let go.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

import pytest
from werkzeug.routing import Rule

from app import config, create_app
from app.api import asgi, dialects
from app.api.asgi import LISTS_AT_ONCE, LONG_AT_ONCE, THREADS
from app.api.bodies import MAX_DOCUMENT
from app.api.refusal_pace import INTERVAL_S
from app.domain.limits import CONCURRENT_REQUESTS
from bench.neighbours.operation import Operation, Surface
from bench.neighbours.operations import OPERATIONS
from tests.api.neighbours.standing import (
    ACCOMPLICE,
    ATTACKER,
    OTHER_STRANGER,
    PATIENCE_S,
    STRANGER,
    VICTIM,
    Person,
    Standing,
    standing,
)
from tests.api.routes import VALUES
from tests.api.server import request
from tests.bench.test_neighbours import TARGET as EMPTY

OWN_TURNS: Final = {Surface.MCP}
"""Requests of these have turns of their own: tests/clients/mcp."""

ELSEWHERE: Final = {"CALL inbox"}
"""The event loop answers these, and one thread finds and stores many of all accounts at once, in
turns of their own: test_inbox_calls_in_turn.py."""

IN_THREADS: Final = [
    each
    for each in OPERATIONS.values()
    if each.surface not in OWN_TURNS and each.name not in ELSEWHERE
]

LISTS: Final = {
    *("GET native.list_audit", "GET native.list_apps", "GET native.list_runners"),
    *("GET native.list_inbox_calls", "GET native.list_jobs", "GET native.list_runs_of_job"),
    *("GET native.list_keys", "GET native.list_runs", "GET native.list_attempts"),
    *("GET native.count_runs", "GET native.list_upcoming"),
    *("POST native.redeliver_run", "POST native.redeliver_runs"),
    *("GET fusion.list_jobs", "GET fusion.get_history", "GET fusion_tasks.list_tasks"),
    *("RPC ListJobs", "RPC ListJobsAlpha1"),
    *("RPC DeleteJobsByPrefix", "RPC DeleteJobsByPrefixAlpha1"),
}
"""Operations of which an account does one at a time."""

LONG: Final = {"POST native.create_jobs"}
"""Operations with long bodies, which all accounts together do few of at a time."""

_PER_SENDER: Final = CONCURRENT_REQUESTS.default or THREADS


def target_of(who: Person) -> Any:
    users = [{"cookie": who.cookie, "token": "x"}]
    facts = {**EMPTY.facts, "users": users, "leaving": users}
    return replace(EMPTY, key=who.key, facts=facts)


def most_inside(operation: Operation) -> int:
    """How many threads one sender has for an operation."""
    if operation.name in LISTS:
        return LISTS_AT_ONCE
    if operation.name in LONG:
        return LONG_AT_ONCE
    return _PER_SENDER


def attacker_of(operation: Operation) -> Person:
    return STRANGER if operation.surface is Surface.PUBLIC else ATTACKER


BOOKING: Final = b'{"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}'
BULK: Final = (b"[" + b",".join([BOOKING] * 1000) + b"]").ljust(MAX_DOCUMENT + 1)
"""Longer than what is read of any sender, so that it takes one of the few places."""
Ask = Callable[[Standing], Coroutine[Any, Any, int]]


def _http(method: str, path: str, body: bytes | None = None, who: Person = VICTIM) -> Ask:
    credentials = {"X_API_Key": who.key} if who.has_key else {}
    return lambda web: web.ask(who, request(method, path, body, **credentials))


OTHERS: Final[dict[str, Ask]] = {
    "a booking": _http("POST", "/1/jobs", BOOKING),
    "a read": _http("GET", "/1/jobs/x"),
    "a list": _http("GET", "/1/jobs"),
    "a bulk": _http("POST", "/1/jobs/bulk", BULK),
    "a page": lambda web: web.ask(VICTIM, request("GET", "/console/jobs", Cookie=VICTIM.cookie)),
    "an RPC": lambda web: web.call(VICTIM, "GetJob", b""),
    "a search": _http("GET", "/docs/search?q=retry", who=OTHER_STRANGER),
}
"""Requests of the account that is not to wait, and of a stranger from another network."""


def ends_before(operation: Operation, other: str) -> int:
    """How many of the requests that stand must end before a request of somebody else is answered.

    One that stood first may begin before it, where both are of a kind of which few are done at a
    time: long bodies, and requests of strangers.
    """
    is_of_the_kind = (other == "a bulk" and operation.name in LONG) or (
        other == "a search" and operation.surface is Surface.PUBLIC
    )
    return 2 if is_of_the_kind else 0


async def answered(web: Standing, ask: Ask, after: int, patience_s: float = PATIENCE_S) -> None:
    """Check that a request is answered after so many of those that stand."""
    asking = asyncio.ensure_future(ask(web))
    # It has its place in the queue before anything is let go.
    for _ in range(5):
        await asyncio.sleep(0)
    web.let_go(after)
    async with asyncio.timeout(patience_s):
        assert await asking == 200


async def go_past(operation: Operation, *, patience_s: float = PATIENCE_S, **options: Any) -> None:
    """Check that requests of others are answered while those of an operation stand."""
    who, most = attacker_of(operation), most_inside(operation)
    async with standing(who, **options) as web:
        web.begin(who, operation, target_of(who))
        await web.until_inside(who, most)
        for name, ask in OTHERS.items():
            await answered(web, ask, ends_before(operation, name), patience_s)
            await web.until_inside(who, most)
        assert web.inside_of(who) == most, "an account does so many at once"


async def go_past_two(*, patience_s: float = PATIENCE_S, **options: Any) -> None:
    """Check that a third account waits for few of the requests of two that have all threads."""
    operation = OPERATIONS["GET native.get_job"]
    attackers = (ATTACKER, ACCOMPLICE)
    async with standing(*attackers, **options) as web:
        for each in attackers:
            web.begin(each, operation, target_of(each))
        for each in attackers:
            await web.until_inside(each, THREADS // 2)
        # Each of the two may begin one request before it, which waited longer.
        await answered(web, OTHERS["a read"], len(attackers) + 1, patience_s)


@pytest.mark.parametrize("operation", IN_THREADS, ids=lambda operation: operation.name)
def test_requests_of_others_go_past_all_that_stand_of(operation: Operation) -> None:
    asyncio.run(go_past(operation))


def test_long_bodies_that_waited_for_their_own_account_use_all_places_of_these() -> None:
    async def waits_and_runs() -> None:
        async with standing(ATTACKER) as web:
            own = web.asgi._gate.slot(ATTACKER.number)
            for _ in range(_PER_SENDER):
                await own.take()
            web.begin(ATTACKER, OPERATIONS["POST native.create_jobs"], target_of(ATTACKER))
            for _ in range(20):
                await asyncio.sleep(0)
            assert web.asgi._long_next._turns, "they wait"
            for _ in range(_PER_SENDER):
                own.leave()
            await web.until_inside(ATTACKER, LONG_AT_ONCE)

    asyncio.run(waits_and_runs())


def test_a_third_account_waits_for_one_request_of_each_that_has_half_of_the_threads() -> None:
    asyncio.run(go_past_two())


def test_a_list_is_one_at_each_of_its_paths() -> None:
    app = create_app(config.load({"DATABASE_URL": "postgresql:///no", "WAKECALL_HOME": "/none"}))
    paths = {
        f"{method} {rule.endpoint}": {
            path_of(each)
            for each in app.url_map.iter_rules(rule.endpoint)
            if method in (each.methods or ())
        }
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    of_lists = {name: paths[name] for name in LISTS if not name.startswith("RPC")}

    assert [
        path
        for name, found in of_lists.items()
        for path in found
        if not dialects.is_list(name.partition(" ")[0], path)
    ] == []
    assert sum(map(len, of_lists.values())) > len(of_lists)


def path_of(rule: Rule) -> str:
    """A path that the rule matches."""
    return re.sub(r"<[^>]*>", VALUES["job_id"], rule.rule)


async def refusals(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    """By operation, how long each of three refusals was kept, by a clock that stands still."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    found: dict[str, list[float]] = {}
    async with standing(refusing=True) as web:
        monkeypatch.setattr(asgi, "time", SimpleNamespace(monotonic=lambda: 100.0))
        monkeypatch.setattr(asgi, "asyncio", SimpleNamespace(sleep=noted))
        for operation in IN_THREADS:
            waits.clear()
            web.next_account()
            who = attacker_of(operation)
            web.begin(who, operation, target_of(who), number=3)
            assert await web.statuses() == [429] * 3
            found[operation.name] = list(waits)
    return found


def test_refusals_of_each_operation_come_at_the_pace_of_its_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = asyncio.run(refusals(monkeypatch))

    assert {name: each for name, each in found.items() if not is_paced(name, each)} == {}
    assert found.keys() == {each.name for each in IN_THREADS}


def is_paced(name: str, waits: list[float]) -> bool:
    """Whether three refusals of an operation are sent one INTERVAL_S apart; strangers have none."""
    if OPERATIONS[name].surface is Surface.PUBLIC:
        return waits == []
    return sorted(waits) == pytest.approx([0.0, INTERVAL_S, 2 * INTERVAL_S])


def test_the_names_of_operations_that_have_turns_of_their_own_are_names_of_operations() -> None:
    assert OPERATIONS.keys() >= LISTS | LONG | ELSEWHERE
