"""Apps that are away: nothing of theirs is consumed, and they are probed, not hammered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from app.domain.call_options import CallOptions
from app.domain.circuit_breaker import DOWN_AFTER, BlockReason
from app.domain.job import Dialect
from app.domain.retry_policy import Constant
from app.domain.run import Reply, RunState
from tests.workers.harness import OK, REFUSED, SECRET, URL, Capped, block_reasons, taken
from workers.dispatch.leased_run import LeasedRun, lease

APP: dict[str, Any] = {
    "url": "/job/wake",
    "dialect": Dialect.DAPR,
    "endpoint": "orders",
    "base": "http://receiver.test",
    "call_options": CallOptions(retry=Constant(1, 3)),
}
"""A run of a Dapr job with the usual policy."""

NOWHERE = APP | {"base": None}
NAMELESS = Reply(error="dns-failure", error_detail="no such name", connected=False)


@pytest.fixture
def harness() -> Iterator[Capped]:
    made = Capped()
    yield made
    made.loop.close()


def settled(harness: Capped) -> list[RunState | None]:
    return [settlement.state for _, settlement in harness.channels.settlements]


def probe(harness: Capped, reply: Reply, **changes: Any) -> LeasedRun:
    """A run that comes now, is sent, and is answered so."""
    leased = harness.lease(0.0, **(APP | changes))
    assert len(harness.engine.calls) == 1, "it was not sent"
    harness.engine.answer(reply)
    harness.step()
    return leased


@pytest.mark.parametrize("reply", [REFUSED, NAMELESS])
@pytest.mark.parametrize("attempts", [0, 3])
def test_a_run_that_did_not_reach_its_app_is_parked_and_nothing_is_counted(
    harness: Capped, reply: Reply, attempts: int
) -> None:
    leased = probe(harness, reply, attempts=attempts)

    assert not harness.channels.settlements
    (parking,) = harness.parked_runs()
    assert (parking.id, parking.token, parking.block_reason) == (
        leased.run.id,
        leased.run.token,
        BlockReason.AWAY,
    )
    assert parking.called is True
    assert "the app at receiver.test cannot be reached" in parking.reason
    assert f"{reply.error}: {reply.error_detail}" in parking.reason
    assert "no attempt is used up, next probe at 2026-01-01T00:00:01Z" in parking.reason
    assert harness.dispatcher.leased_runs == set()
    assert harness.destination().idle is True


def test_the_first_that_is_not_reached_holds_up_the_others_of_the_app(harness: Capped) -> None:
    for _ in range(6):
        harness.lease(0.0, **APP)
    assert len(harness.engine.calls) == 4
    with structlog.testing.capture_logs() as logs:
        harness.answer_all(REFUSED)
    harness.lease(0.0, **APP)

    assert [each["event"] for each in logs] == ["destination.down"]
    assert harness.engine.calls == []
    assert block_reasons(harness.parked_runs()) == {BlockReason.AWAY}
    assert not harness.channels.settlements
    assert harness.dispatcher.leased_runs == set()


def test_it_is_probed_with_one_run_a_second_and_the_rest_follows_when_it_is_back(
    harness: Capped,
) -> None:
    probe(harness, REFUSED)
    harness.parked_runs()
    for _ in range(3):
        harness.lease(0.0, **APP)
    assert len(harness.parked_runs()) == 3

    harness.step(1.05)
    assert [each.number for each in harness.channels.unpark_requests] == [1]
    for _ in range(2):
        harness.lease(0.0, **APP)
    assert len(harness.engine.calls) == 1
    with structlog.testing.capture_logs() as logs:
        harness.answer_all(OK)
    assert [each["event"] for each in logs] == ["destination.up"]
    assert settled(harness) == [RunState.SUCCEEDED]

    harness.parked_runs()
    for _ in range(3):
        harness.lease(0.0, **APP)
    assert len(harness.engine.calls) > 1


def test_however_long_it_is_away_it_is_probed_at_least_once_a_minute(harness: Capped) -> None:
    probe(harness, REFUSED)
    leaves = []
    for _ in range(80):
        harness.step(60.0)
        probe(harness, REFUSED)
        leaves += [each.park_for for each in harness.parked_runs()]

    assert leaves == sorted(leaves)
    assert leaves[-1] == 60.0
    assert not harness.channels.settlements


def probes_in_a_minute(apps: int) -> int:
    """How many runs are sent for in a minute, an hour after each of so many apps went away."""
    harness = Capped()
    count = 0
    try:
        for number in range(apps):
            probe(harness, REFUSED, base=f"http://app{number}.test", endpoint=f"app{number}")
        harness.parked_runs()
        for step in range(120):
            harness.step(0.5)
            while harness.channels.unpark_requests:
                request = harness.channels.unpark_requests.popleft()
                count += step >= 60
                probe(harness, REFUSED, base=f"http://{request.destination.host}")
                harness.dispatcher.flow_control.unparker.on_unparked(request, 1)
            harness.parked_runs()
    finally:
        harness.loop.close()
    return count


def test_an_account_with_more_unreachable_apps_costs_no_more() -> None:
    """1,500 of them, each probed every five seconds, made a thousand updates a second for ever."""
    few, many = probes_in_a_minute(150), probes_in_a_minute(600)

    assert few > 0
    assert many > 0
    assert many < 2 * few
    assert many <= 30 * 12


def test_the_apps_that_are_reached_again_give_the_others_more_probes(harness: Capped) -> None:
    for number in range(100):
        probe(harness, REFUSED, base=f"http://app{number}.test", endpoint=f"app{number}")
    assert harness.flow._unreachable.number(1) == 100
    harness.parked_runs()

    harness.step(60.0)
    for number in range(99):
        probe(harness, OK, base=f"http://app{number}.test", endpoint=f"app{number}")
    assert harness.flow._unreachable.number(1) == 1
    probe(harness, REFUSED, base="http://app99.test", endpoint="app99")

    assert harness.parked_runs()[-1].park_for < 20.0


def test_patience_does_not_consume_what_waits_for_its_app(harness: Capped) -> None:
    """A breaker that is open for another reason delays a run for an hour; then it is called."""
    probe(harness, REFUSED)
    patient = lease(taken(0.0)._replace(**APP), (SECRET,), sent_at=0.0, answered=0.0)

    for _ in range(3):
        harness.come_back(patient, late=7200)

    assert harness.engine.calls == []
    parked = harness.parked_runs()
    assert block_reasons(parked) == {BlockReason.AWAY}


def test_many_that_are_late_do_not_come_back_every_second(harness: Capped) -> None:
    probe(harness, REFUSED)
    harness.destination().parked = 50_000
    harness.step(1.05)
    probe(harness, REFUSED)
    patient = lease(taken(0.0)._replace(**APP), (SECRET,), sent_at=0.0, answered=0.0)

    harness.come_back(patient, late=7200)

    assert harness.parked_runs()[-1].park_for >= 5000


def test_answers_count_as_they_do_for_others(harness: Capped) -> None:
    probe(harness, Reply(status=404))
    probe(harness, Reply(status=410))
    probe(harness, Reply(status=410), attempts=3)
    probe(harness, Reply(error="connection-lost", error_detail="reset"), attempts=3)
    probe(harness, Reply(status=500), call_options=CallOptions(retry=Constant(0, 0)))

    assert settled(harness) == [RunState.SUCCEEDED, None, *[RunState.FAILED] * 3]
    assert not any(settlement.gone for _, settlement in harness.channels.settlements)
    assert harness.parked_runs() == []


def test_native_runs_to_the_destination_of_an_unreachable_app_use_attempts(harness: Capped) -> None:
    probe(harness, REFUSED)

    harness.lease_many(1)
    assert harness.urls() == [URL]
    harness.answer_all(REFUSED)

    assert settled(harness) == [None]
    (settlement,) = [each for _, each in harness.channels.settlements]
    assert settlement.attempt is not None


def test_native_failures_at_a_destination_delay_no_app(harness: Capped) -> None:
    for _ in range(DOWN_AFTER):
        harness.lease_many(1)
        harness.answer_all(REFUSED)

    probe(harness, OK)

    assert settled(harness)[-1] is RunState.SUCCEEDED


def test_an_app_that_is_not_configured_is_waited_for(harness: Capped) -> None:
    leased = harness.lease(0.0, **NOWHERE)

    assert harness.engine.calls == []
    assert not harness.channels.settlements
    (parking,) = harness.parked_runs()
    assert (parking.id, parking.block_reason, parking.called) == (
        leased.run.id,
        BlockReason.AWAY,
        False,
    )
    assert "no app 'orders' is configured; PUT /1/dapr-apps/<id>" in parking.reason
    assert harness.dispatcher.leased_runs == set()

    for _ in range(10):
        harness.step(8.0)
        assert [each.number for each in harness.channels.unpark_requests] == [1]
        request = harness.channels.unpark_requests.popleft()
        harness.lease(0.0, **NOWHERE)
        harness.dispatcher.flow_control.unparker.on_unparked(request, 1)
        assert len(harness.parked_runs()) == 1


def test_once_it_is_configured_all_that_waited_for_it_is_sent_for(harness: Capped) -> None:
    for _ in range(4):
        harness.lease(0.0, **NOWHERE)
    harness.parked_runs()
    harness.step(0.1)
    assert not harness.channels.unpark_requests

    harness.lease(0.0, **APP)
    assert harness.urls() == ["http://receiver.test/job/wake"]
    harness.step(0.1)

    assert [each.number for each in harness.channels.unpark_requests] == [4]


def test_other_apps_and_accounts_do_not_wait_for_one_that_is_away(harness: Capped) -> None:
    probe(harness, REFUSED)
    harness.lease(0.0, **NOWHERE)
    harness.parked_runs()

    harness.lease(0.0, **(APP | {"base": "http://other.test", "endpoint": "billing"}))
    harness.lease(0.0, **(APP | {"account_id": 3}))

    assert harness.urls() == ["http://other.test/job/wake", "http://receiver.test/job/wake"]
