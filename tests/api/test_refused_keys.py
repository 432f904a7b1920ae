from collections.abc import Callable

import pytest
from flask import Flask

from app.api import refused_keys
from app.api.context import current_context
from app.api.refused_keys import MAX_LINES, WINDOW_S, RefusedKeys
from app.domain import counters
from app.domain import key as keys
from app.service import accounts

MakeApp = Callable[..., Flask]
NEAR = {"REMOTE_ADDR": "2001:db8::1"}


def test_guesses_from_one_network_end_in_429_and_valid_keys_never_do(make_app: MakeApp) -> None:
    app = make_app(WAKECALL_REFUSED_KEYS="3")
    with app.app_context():
        valid = accounts.create(current_context(), "mine")
    client = app.test_client()

    def status(key: str | None, address: str) -> int:
        headers = {} if key is None else {"X-API-Key": key}
        answer = client.get("/1/jobs", headers=headers, environ_base={"REMOTE_ADDR": address})
        return answer.status_code

    guesses = [keys.compose(bytes([number]) * 64) for number in range(6)]
    addresses = [f"2001:db8::{number}" for number in range(6)]
    found = [status(*each) for each in zip(guesses, addresses, strict=True)]
    assert found == [401, 401, 401, 429, 429, 429]
    assert status(valid, "2001:db8::9") == 200
    assert status(None, "2001:db8::9") == 401
    assert status(guesses[0], "2001:db8:0:1::1") == 401

    answer = client.get("/1/jobs", headers={"X-API-Key": "x"}, environ_base=NEAR)
    problem = answer.get_json()
    assert (problem["limit"], problem["allowed"], problem["used"]) == ("refusedKeys", 3, 7)
    assert 0 < int(answer.headers["Retry-After"]) <= WINDOW_S
    counted = refused_keys.refused_keys_of(app).take_counts()
    assert counted == {
        (counters.UNAUTHENTICATED, counters.REFUSED): 8,
        (counters.UNAUTHENTICATED, counters.MISSING): 1,
    }
    assert refused_keys.refused_keys_of(app).take_counts() == {}


def test_other_dialects_are_limited_too(make_app: MakeApp) -> None:
    client = make_app(WAKECALL_REFUSED_KEYS="1").test_client()
    headers = {"dapr-api-token": "x", "X-API-Key": "x"}
    for path in ("/v1.0/jobs/a", "/api/tasks"):
        answer = client.get(path, headers=headers)
    assert answer.status_code == 429
    assert client.get("/v1.0/jobs/a", headers=headers).status_code == 429
    off = make_app(WAKECALL_REFUSED_KEYS="off").test_client()
    assert {off.get("/api/tasks", headers=headers).status_code for _ in range(500)} == {401}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_minute_later_a_network_may_send_keys_again() -> None:
    clock = Clock()
    refused = RefusedKeys(1, clock=clock)
    assert refused.count("a", key_sent=True) is None
    clock.now = 20.5
    exceeded = refused.count("a", key_sent=True)
    assert exceeded is not None
    assert exceeded.seconds == 40
    clock.now = WINDOW_S
    assert refused.count("a", key_sent=True) is None


def test_log_lines_are_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    refused = RefusedKeys(100, clock=clock)
    for number in range(10 * MAX_LINES):
        refused.count(f"192.0.2.{number}", key_sent=True)
        refused.count("192.0.2.1", key_sent=False)
    assert capsys.readouterr().out.count("keys.refused") == MAX_LINES
    clock.now = WINDOW_S
    refused.count("192.0.2.1", key_sent=True)
    said = capsys.readouterr().out
    assert said.count("keys.refused") == 2
    assert f"{9 * MAX_LINES}" in said


def test_few_networks_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_keys, "MAX_NETWORKS", 2)
    refused = RefusedKeys(1, clock=Clock())
    for network in ("a", "b", "c"):
        assert refused.count(network, key_sent=True) is None
    assert refused.count("a", key_sent=True) is None
    assert refused.count("c", key_sent=True) is not None
