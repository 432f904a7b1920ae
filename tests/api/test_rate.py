import socket
import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from app.errors import Misconfigured
from app.service import accounts
from tests.api.conftest import client_of

MakeApp = Callable[..., Flask]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are accepted and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def statuses(app: Flask, key: str, count: int) -> list[int]:
    client = client_of(app, key)
    return [client.get("/1/jobs").status_code for _ in range(count)]


def test_an_account_over_its_limit_is_told_when_to_come_again(
    make_app: MakeApp, redis_url: str
) -> None:
    app = make_app(WAKECALL_RATE_LIMIT="3", REDIS_URL=redis_url)
    with app.app_context():
        mine, other = accounts.create("mine"), accounts.create("other")
    client = client_of(app, mine)
    for _ in range(50):
        answer = client.get("/1/jobs")
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"
    assert answer.get_json()["type"] == "/problems/rate-limited"
    assert statuses(app, other, 1) == [200]
    # Every process of the service counts together.
    second = make_app(WAKECALL_RATE_LIMIT="1", REDIS_URL=redis_url)
    assert 429 in statuses(second, mine, 3)


def test_a_redis_url_of_another_kind_is_told(make_app: MakeApp) -> None:
    with pytest.raises(Misconfigured, match="REDIS_URL is 'mongodb://x'"):
        make_app(WAKECALL_RATE_LIMIT="3", REDIS_URL="mongodb://x")


def test_without_a_limit_nothing_is_counted(app: Flask, key: str) -> None:
    assert statuses(app, key, 30) == [200] * 30


def test_redis_being_away_or_silent_neither_refuses_nor_delays(
    make_app: MakeApp, silent_port: int
) -> None:
    for url in ("redis://127.0.0.1:1/0", f"redis://127.0.0.1:{silent_port}/0"):
        app = make_app(WAKECALL_RATE_LIMIT="10000", REDIS_URL=url)
        with app.app_context():
            key = accounts.create(f"account-{url.rpartition(':')[2][:-2]}")
        started = time.monotonic()
        assert statuses(app, key, 20) == [200] * 20
        assert time.monotonic() - started < 5


def test_the_limit_holds_in_each_process_while_redis_is_away(make_app: MakeApp) -> None:
    app = make_app(WAKECALL_RATE_LIMIT="2", REDIS_URL="redis://127.0.0.1:1/0")
    with app.app_context():
        key = accounts.create("mine")
    assert 429 in statuses(app, key, 40)
