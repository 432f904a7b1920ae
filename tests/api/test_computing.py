"""Computing: which requests take turns, and that each turn ends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from app.api.computing import LONG_BYTES, Turn
from tests.api.native.booked import ONCE

if TYPE_CHECKING:
    from flask.testing import FlaskClient

PATIENCE_S = 30


def waits_for(turn: Turn) -> tuple[threading.Thread, threading.Event]:
    """A thread that enters this turn, and what is set once it has."""
    entered = threading.Event()

    def enter() -> None:
        with turn:
            entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    return thread, entered


def test_long_requests_compute_one_at_a_time() -> None:
    with Turn(is_long=True):
        thread, entered = waits_for(Turn(is_long=True))
        assert not entered.wait(0.05)
    thread.join(PATIENCE_S)
    assert entered.is_set()


def test_a_turn_may_end_before_its_request() -> None:
    with Turn(is_long=True) as turn:
        turn.end()
        turn.end()
        thread, entered = waits_for(Turn(is_long=True))
        assert entered.wait(PATIENCE_S)
        thread.join(PATIENCE_S)


def test_short_requests_take_no_turns() -> None:
    with Turn(is_long=True):
        thread, entered = waits_for(Turn(is_long=False))
        assert entered.wait(PATIENCE_S)
        thread.join(PATIENCE_S)


@pytest.mark.parametrize("query", ["", "?dryRun=true"])
def test_the_turn_of_bulks_ends_whatever_becomes_of_them(client: FlaskClient, query: str) -> None:
    many = [{**ONCE, "data": "x" * 1024}] * (LONG_BYTES // 1024)
    for jobs, status in (
        (many, 200 if query else 201),
        ([*many, {**ONCE, "url": "none"}], 400),
        ([*many, {**ONCE, "when": "2020-01-01T00:00:00Z"}], 400),
    ):
        assert client.post(f"/1/jobs/bulk{query}", json=jobs).status_code == status
        thread, entered = waits_for(Turn(is_long=True))
        assert entered.wait(PATIENCE_S)
        thread.join(PATIENCE_S)
