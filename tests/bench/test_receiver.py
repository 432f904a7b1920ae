"""Nginx, where there is one, and our own receiver take the same calls and tell the same of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest

from app.delivery.engine import Engine
from app.delivery.guard import Guard
from app.delivery.loop import Loop
from app.delivery.request import Call
from app.delivery.resolver import Resolver
from app.domain.run import Reply
from app.domain.secret import new_secret
from bench import receiver as receivers
from bench.children import Failed
from bench.phases.steady import check
from bench.receiver import Arrival, Receiver
from bench.yardsticks import bare
from tests.servers import temp_folder

CALLS = 400


@pytest.fixture(scope="module", params=["own", "best"])
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    with (
        temp_folder() as folder,
        receivers.running(folder, own=request.param == "own") as running,
    ):
        yield running


def post(receiver: Receiver, port: int, *, scheme: str = "http") -> float:
    """The seconds that the bare engine takes; it fails where an answer is not a 204."""
    found = bare.measure(
        {
            "count": CALLS,
            "warm": 1,
            "at_once": 50,
            "secret": new_secret(),
            "scheme": scheme,
            "port": port,
            "size": 500,
            "authority": f"{receiver.authority}",
        }
    )
    return float(found["seconds"])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_calls_are_answered_and_counted(receiver: Receiver, scheme: str) -> None:
    before = receiver.count()

    took = post(receiver, receiver.tls if scheme == "https" else receiver.plain, scheme=scheme)

    assert receiver.count() - before == CALLS + 1
    assert took > 0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_arrivals_are_reported_once_with_their_lateness(receiver: Receiver, scheme: str) -> None:
    port = receiver.tls if scheme == "https" else receiver.timed
    post(receiver, receiver.timed)
    receiver.forget()
    post(receiver, port, scheme=scheme)

    came = receiver.arrivals(CALLS + 1)

    check(came, CALLS + 1)
    assert all(each.late < 60 for each in came)
    assert receiver.arrivals(0, patience_s=0) == []


def test_a_hanging_receiver_takes_the_call_and_says_nothing(receiver: Receiver) -> None:
    loop = Loop()
    guard = Guard(loop, Resolver(loop), allow=(ip_network("127.0.0.0/8"),))
    engine = Engine(loop, guard)
    (call,) = bare.calls(1, secret=new_secret(), scheme="http", port=receiver.hanging, size=500)
    replies: list[Reply] = []
    loop.call_soon(engine.post, _impatient(call), replies.append)

    loop.run(until=lambda: bool(replies))

    engine.close()
    loop.close()
    assert replies[0].error == "timeout"


def _impatient(call: Call) -> Call:
    return Call(url=call.url, headers=call.headers, body=call.body, timeout=0.3)


def arrival(run: str, late: float = 0.001) -> Arrival:
    return Arrival(run=run, due=datetime(2030, 1, 1, tzinfo=UTC), late=late)


@pytest.mark.parametrize(
    "came",
    [
        [arrival("a")],
        [arrival("a"), arrival("a")],
        [arrival("a"), arrival("b"), arrival("b")],
        [arrival("a"), arrival("b", late=-0.01)],
    ],
    ids=["missing", "another twice", "one twice", "early"],
)
def test_a_call_missing_repeated_or_early_stops_the_benchmark(came: list[Arrival]) -> None:
    check([arrival("a"), arrival("b")], 2)

    with pytest.raises(Failed):
        check(came, 2)


def test_a_receiver_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "ADDRESSES", ("192.0.2.1",))

    with (
        temp_folder() as folder,
        pytest.raises(Failed, match="does not start: sink"),
        receivers.running(Path(folder), own=True),
    ):
        raise AssertionError("it started")
