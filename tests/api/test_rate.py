import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from flask import Flask
from redis.exceptions import RedisError

from app.api.context import current_context
from app.api.rate import Rates
from app.service import accounts
from tests.api.conftest import client_of
from tests.api.native.test_run_routes import add_runs
from tests.factories import connect

MakeApp = Callable[..., Flask]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are accepted and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def statuses(app: Flask, key: str, count: int) -> list[int]:
    client = client_of(app, key)
    return [client.get("/1/jobs").status_code for _ in range(count)]


def test_an_account_over_its_limit_gets_retry_after(make_app: MakeApp, redis_url: str) -> None:
    app = make_app(WAKECALL_RATE_LIMIT="3", REDIS_URL=redis_url)
    with app.app_context():
        mine, other = (
            accounts.create(current_context(), "mine"),
            accounts.create(current_context(), "other"),
        )
    client = client_of(app, mine)
    for _ in range(50):
        answer = client.get("/1/jobs")
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"
    assert answer.get_json()["type"] == "/problems/rate-limited"
    problem = answer.get_json()
    assert problem["detail"] == (
        "This account may send 3 requests a second, and has used up its requests for the "
        "next second."
    )
    assert (problem["limit"], problem["allowed"], problem["used"]) == ("requestsPerSecond", 3, 3)
    assert answer.headers["RateLimit-Policy"] == '"requests";q=3;w=1'
    assert answer.headers["RateLimit"] == '"requests";r=0;t=1'
    assert statuses(app, other, 1) == [200]


def test_the_fields_have_the_account_s_own_limit_and_what_is_left(
    make_app: MakeApp, redis_url: str
) -> None:
    app = make_app(WAKECALL_RATE_LIMIT="1000", REDIS_URL=redis_url)
    with app.app_context():
        key = accounts.create(current_context(), "mine")
        accounts.set_limits(current_context(), "mine", {"requestsPerSecond": 100})
    answer = client_of(app, key).get("/1/jobs")
    assert answer.headers["RateLimit-Policy"] == '"requests";q=100;w=1'
    assert answer.headers["RateLimit"] == '"requests";r=99;t=1'
    assert "RateLimit" not in app.test_client().get("/1/jobs").headers
    with app.app_context():
        accounts.set_limits(current_context(), "mine", {"requestsPerSecond": "off"})
    app = make_app(WAKECALL_RATE_LIMIT="1000", REDIS_URL=redis_url)
    assert "RateLimit" not in client_of(app, key).get("/1/jobs").headers


def test_jobs_of_one_document_count(make_app: MakeApp, redis_url: str) -> None:
    app = make_app(WAKECALL_RATE_LIMIT="50", REDIS_URL=redis_url)
    with app.app_context():
        client = client_of(app, accounts.create(current_context(), "mine"))
    bulk = [{"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}] * 1000
    answer = client.post("/1/jobs/bulk?dryRun=true", json=bulk)
    assert answer.status_code == 200
    refused = client.get("/1/jobs")
    assert (refused.status_code, refused.headers["Retry-After"]) in {(429, "1"), (429, "2")}
    assert refused.get_json()["used"] > 50
    assert re.fullmatch(
        "This account may send 50 requests a second, and "
        r"has used up its requests for the next [23] seconds\.",
        refused.get_json()["detail"],
    )


TRIGGERS = [{"type": "cron", "enabled": True, "expression": "0 15 10 * * ?"}] * 100


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/1/jobs/bulk?dryRun=true", [{"url": "http://127.0.0.1/", "cron": "0 0 12 * * ?"}] * 100),
        ("/1/preview", {"cron": "0 15 10 ? * *", "count": 100}),
        ("/1/preview", {"dialect": "fusion", "enabled": True, "triggers": TRIGGERS, "count": 1}),
    ],
    ids=["jobs", "firings", "triggers"],
)
def test_what_a_request_is_about_counts_and_the_answer_says_so(
    make_app: MakeApp, redis_url: str, path: str, document: Any
) -> None:
    app = make_app(WAKECALL_RATE_LIMIT="1", REDIS_URL=redis_url)
    with app.app_context():
        client = client_of(app, accounts.create(current_context(), "mine"))
    answer = client.post(path, json=document)
    assert answer.status_code == 200, answer.text
    # Eleven seconds' worth, less what has passed since the request came.
    assert answer.headers["RateLimit"] in {'"requests";r=0;t=11', '"requests";r=0;t=10'}


def test_runs_sent_again_by_one_request_count(
    make_app: MakeApp, redis_url: str, database: str
) -> None:
    app = make_app(WAKECALL_RATE_LIMIT="1", REDIS_URL=redis_url)
    with app.app_context():
        client = client_of(app, accounts.create(current_context(), "account-1"))
    with connect(database) as connection:
        add_runs(connection, 30)
    answer = client.post("/1/runs/redeliver", json={"dryRun": True})
    assert answer.get_json()["count"] == 30
    assert answer.headers["RateLimit"] in {'"requests";r=0;t=4', '"requests";r=0;t=3'}


@pytest.mark.parametrize("limit", [500, 50, 2, 1])
def test_one_request_counts_as_ten_seconds_worth_at_most(limit: int) -> None:
    clock, totals = Clock(), dict[int, int]()
    here, elsewhere = (
        Rates(lambda reported: counts(reported, totals), clock=clock) for _ in range(2)
    )
    assert granted(elsewhere, 1, limit)
    assert granted(here, 1, limit)
    clock.now += 2

    assert granted(here, 1, limit)
    standing = here.add(1, 10_000)

    assert standing is not None
    assert (standing.used, standing.left, standing.reset) == (10 * limit + 1, 0, 11)
    assert not granted(here, 1, limit)
    clock.now += 11
    assert granted(here, 1, limit)
    assert granted(elsewhere, 1, limit)


def counts(reported: Mapping[int, int], totals: dict[int, int]) -> Mapping[int, int]:
    for name, number in reported.items():
        totals[name] = totals.get(name, 0) + number
    return {name: totals[name] for name in reported}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def granted(rates: Rates, number: int, limit: int = 10, account: int = 1) -> int:
    return sum(rates.count(account, limit).granted for _ in range(number))


def test_a_second_s_worth_at_once_and_then_the_rate() -> None:
    clock = Clock()
    rates = Rates(lambda _: {}, clock=clock)
    assert granted(rates, 20) == 10
    assert granted(rates, 1, account=2) == 1
    clock.now += 0.3
    assert granted(rates, 20) == 3
    clock.now += 60
    assert granted(rates, 20) == 10
    assert rates.count(3, 20).left == 19


def test_processes_count_together() -> None:
    clock, totals = Clock(), dict[int, int]()
    first, second = (
        Rates(lambda reported: counts(reported, totals), clock=clock) for _ in range(2)
    )
    for _ in range(100):
        granted(first, 5)
        granted(second, 5)
        clock.now += 0.1
    before = totals[1]
    sent = 0
    for _ in range(100):
        sent += granted(first, 5) + granted(second, 5)
        clock.now += 0.1
    # Ten seconds at ten a second, and what goes through before the other processes know.
    assert 90 <= sent <= 130
    assert totals[1] - before == pytest.approx(sent, abs=10)


def test_redis_that_forgot_is_not_taken_for_others() -> None:
    clock, totals = Clock(), dict[int, int]()
    rates = Rates(lambda reported: counts(reported, totals), clock=clock)
    for _ in range(3):
        granted(rates, 1)
        clock.now += 1
    totals.clear()
    assert granted(rates, 1) == 1
    clock.now += 0.2
    assert granted(rates, 20) == 10


def test_a_redis_that_is_away_is_asked_ever_more_rarely() -> None:
    clock = Clock()
    asked = []

    def away(reported: Mapping[int, int]) -> Mapping[int, int]:
        asked.append(reported)
        raise RedisError

    rates = Rates(away, clock=clock)
    for _ in range(1000):
        assert granted(rates, 1) == 1
        clock.now += 0.1
    assert 5 < len(asked) < 10


def test_few_accounts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.rate.MAX_ACCOUNTS", 2)
    rates = Rates(lambda _: {}, clock=Clock())
    for account in (1, 2, 1, 3):
        granted(rates, 10, account=account)
    assert [granted(rates, 1, account=account) for account in (1, 3, 2)] == [0, 0, 1]


def test_without_a_limit_nothing_is_counted(app: Flask, key: str) -> None:
    assert statuses(app, key, 30) == [200] * 30


def test_redis_being_away_or_silent_neither_refuses_nor_delays(
    make_app: MakeApp, silent_port: int
) -> None:
    for url in ("redis://127.0.0.1:1/0", f"redis://127.0.0.1:{silent_port}/0"):
        app = make_app(WAKECALL_RATE_LIMIT="10000", REDIS_URL=url)
        with app.app_context():
            key = accounts.create(current_context(), f"account-{url.rpartition(':')[2][:-2]}")
        started = time.monotonic()
        assert statuses(app, key, 20) == [200] * 20
        assert time.monotonic() - started < 5


def test_the_limit_holds_in_each_process_while_redis_is_away(make_app: MakeApp) -> None:
    app = make_app(WAKECALL_RATE_LIMIT="2", REDIS_URL="redis://127.0.0.1:1/0")
    with app.app_context():
        key = accounts.create(current_context(), "mine")
    assert 429 in statuses(app, key, 40)
