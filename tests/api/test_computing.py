"""Computing: which requests take turns, and that each turn ends."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from app.api import computing
from app.api.computing import LONG_BYTES, OneAtATime, Turn
from app.api.dapr.rpc import messages
from app.protos import json_values
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


def test_owners_compute_in_turn() -> None:
    entered: list[str] = []

    def compute(owner: str) -> None:
        with Turn(is_long=True, owner=owner):
            entered.append(owner)

    with Turn(is_long=True, owner="first"):
        threads = [
            threading.Thread(target=compute, args=(owner,))
            for owner in [*["first"] * 4, "second", "third", "third"]
        ]
        for number, each in enumerate(threads, start=1):
            each.start()
            until_waiting(number)
    for each in threads:
        each.join(PATIENCE_S)

    assert entered == ["first", "second", "third", "first", "third", "first", "first"]


def test_long_json_is_encoded_in_turn_by_account(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    written: dict[str, Any] = {"failurePolicy": {"drop": {}}}
    encode = json_values.encode

    def note(data: bytes, *, most: int) -> bytes:
        encoded.append(data[1])
        return encode(data, most=most)

    def read(account: int) -> None:
        data = b'"%d%s"' % (account, b"x" * 65_536)
        messages.to_message("job", written, data, None, most=1_000_000, owner=account)

    monkeypatch.setattr(json_values, "encode", note)
    threads = [threading.Thread(target=read, args=(account,)) for account in (1, 1, 1, 1, 2)]
    with Turn(is_long=True, owner=1, among=messages._ONE_LONG):
        for number, each in enumerate(threads, start=1):
            each.start()
            until_waiting(number, messages._ONE_LONG)
    for each in threads:
        each.join(PATIENCE_S)

    assert bytes(encoded) == b"12111"


def until_waiting(number: int, among: OneAtATime = computing._COMPUTING) -> None:
    """Return when so many threads wait for their turn."""
    end = time.monotonic() + PATIENCE_S
    while among.number_waiting() < number:
        assert time.monotonic() < end


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
