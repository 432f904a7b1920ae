"""The log of 503 responses: one line a second for each reason, with its cause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from structlog.testing import capture_logs

from app.api.unavailable_log import INTERVAL_S, MAX_REASONS, UnavailableLog
from app.errors import Unavailable
from tests.api.server import Web, ask, request, serving, until
from tests.ports import free_port

ONCE = b'{"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}'


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_reason_is_logged_once_in_a_second_and_the_others_beside_it() -> None:
    clock = Clock()
    log = UnavailableLog(clock=clock)
    with Flask(__name__).test_request_context("/1/jobs", method="POST"), capture_logs() as lines:
        for _ in range(10):
            log.log(Unavailable("away"))
        log.log(Unavailable("busy"))
        clock.now = INTERVAL_S
        log.log(Unavailable("away"))

    logged = [(line["reason"], line["left_out"]) for line in lines]
    assert logged == [("away", 0), ("busy", 0), ("away", 9)]
    assert {(line["event"], line["method"], line["path"]) for line in lines} == {
        ("request.unavailable", "POST", "/1/jobs")
    }


def test_no_more_reasons_are_remembered_than_there_may_be() -> None:
    log = UnavailableLog()
    with Flask(__name__).test_request_context("/1/jobs"), capture_logs():
        for number in range(2 * MAX_REASONS):
            log.log(Unavailable(f"reason {number}"))

    assert len(log._logged) == MAX_REASONS


@pytest.fixture
def without_database(
    web_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Web, Any]]:
    """A web server whose database nobody listens for, and what it has logged so far."""
    log = tmp_path_factory.mktemp("log") / "web"
    environ = {**web_environ, "DATABASE_URL": f"postgresql://127.0.0.1:{free_port()}/none"}
    with log.open("wb") as stderr, serving(environ, stderr=stderr) as web:
        yield web, lambda: [json.loads(line) for line in log.read_text().splitlines()]


def test_an_outage_of_the_database_is_seen_in_the_log_of_the_web(
    without_database: tuple[Web, Any], web_key: str
) -> None:
    web, lines = without_database
    sent = request("POST", "/1/jobs", ONCE, X_API_Key=web_key, Content_Type="application/json")
    assert ask(web, sent).status == 503

    until(lambda: any(line["event"] == "request.unavailable" for line in lines()))
    line = next(line for line in lines() if line["event"] == "request.unavailable")
    assert line["reason"] == "The database cannot be reached. Try again shortly."
    assert "refused" in line["error"]
    assert (line["method"], line["path"]) == ("POST", "/1/jobs")
    assert line["process"] == "web"
