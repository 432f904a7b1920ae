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
from tests.workers.stage import OK, REFUSED, SECRET, URL, Capped, block_reasons, taken
from workers.dispatch.leased_run import LeasedRun, lease

APP: dict[str, Any] = {
    "url": "/job/wake",
    "dialect": Dialect.DAPR,
    "endpoint": "orders",
    "base": "http://receiver.test",
    "manner": CallOptions(retry=Constant(1, 3)),
}
"""A run of a Dapr job with the usual policy."""

NOWHERE = APP | {"base": None}
NAMELESS = Reply(error="dns-failure", error_detail="no such name", connected=False)


@pytest.fixture
def stage() -> Iterator[Capped]:
    made = Capped()
    yield made
    made.loop.close()


def settled(stage: Capped) -> list[RunState | None]:
    return [settlement.state for _, settlement in stage.channels.settlements]


def probe(stage: Capped, reply: Reply, **changes: Any) -> LeasedRun:
    """A run that comes now, is sent, and is answered so."""
    leased = stage.lease(0.0, **(APP | changes))
    assert len(stage.engine.calls) == 1, "it was not sent"
    stage.engine.answer(reply)
    stage.step()
    return leased


@pytest.mark.parametrize("reply", [REFUSED, NAMELESS])
@pytest.mark.parametrize("attempts", [0, 3])
def test_a_run_that_did_not_reach_its_app_is_parked_and_nothing_is_counted(
    stage: Capped, reply: Reply, attempts: int
) -> None:
    leased = probe(stage, reply, attempts=attempts)

    assert not stage.channels.settlements
    (parking,) = stage.parked_runs()
    assert (parking.id, parking.token, parking.block_reason) == (
        leased.run.id,
        leased.run.token,
        BlockReason.AWAY,
    )
    assert parking.called is True
    assert "the app at receiver.test cannot be reached" in parking.reason
    assert f"{reply.error}: {reply.error_detail}" in parking.reason
    assert "no attempt is used up, next probe at 2026-01-01T00:00:01Z" in parking.reason
    assert stage.dispatcher.leased_runs == set()
    assert stage.destination().idle is True


def test_the_first_that_is_not_reached_holds_up_the_others_of_the_app(stage: Capped) -> None:
    for _ in range(6):
        stage.lease(0.0, **APP)
    assert len(stage.engine.calls) == 4
    with structlog.testing.capture_logs() as logs:
        stage.answer_all(REFUSED)
    stage.lease(0.0, **APP)

    assert [each["event"] for each in logs] == ["destination.down"]
    assert stage.engine.calls == []
    assert block_reasons(stage.parked_runs()) == {BlockReason.AWAY}
    assert not stage.channels.settlements
    assert stage.dispatcher.leased_runs == set()


def test_it_is_probed_with_one_run_a_second_and_the_rest_follows_when_it_is_back(
    stage: Capped,
) -> None:
    probe(stage, REFUSED)
    stage.parked_runs()
    for _ in range(3):
        stage.lease(0.0, **APP)
    assert len(stage.parked_runs()) == 3

    stage.step(1.05)
    assert [each.number for each in stage.channels.unpark_requests] == [1]
    for _ in range(2):
        stage.lease(0.0, **APP)
    assert len(stage.engine.calls) == 1
    with structlog.testing.capture_logs() as logs:
        stage.answer_all(OK)
    assert [each["event"] for each in logs] == ["destination.up"]
    assert settled(stage) == [RunState.SUCCEEDED]

    stage.parked_runs()
    for _ in range(3):
        stage.lease(0.0, **APP)
    assert len(stage.engine.calls) > 1


def test_however_long_it_is_away_it_is_probed_at_least_once_a_minute(stage: Capped) -> None:
    probe(stage, REFUSED)
    leaves = []
    for _ in range(80):
        stage.step(60.0)
        probe(stage, REFUSED)
        leaves += [each.park_for for each in stage.parked_runs()]

    assert leaves == sorted(leaves)
    assert leaves[-1] == 60.0
    assert not stage.channels.settlements


def probes_in_a_minute(apps: int) -> int:
    """How many runs are sent for in a minute, an hour after each of so many apps went away."""
    stage = Capped()
    count = 0
    try:
        for number in range(apps):
            probe(stage, REFUSED, base=f"http://app{number}.test", endpoint=f"app{number}")
        stage.parked_runs()
        for step in range(120):
            stage.step(0.5)
            while stage.channels.unpark_requests:
                request = stage.channels.unpark_requests.popleft()
                count += step >= 60
                probe(stage, REFUSED, base=f"http://{request.destination.host}")
                stage.dispatcher.flow_control.unparker.on_unparked(request, 1)
            stage.parked_runs()
    finally:
        stage.loop.close()
    return count


def test_an_account_with_more_unreachable_apps_costs_no_more() -> None:
    """1,500 of them, each probed every five seconds, made a thousand updates a second for ever."""
    few, many = probes_in_a_minute(150), probes_in_a_minute(600)

    assert few > 0
    assert many > 0
    assert many < 2 * few
    assert many <= 30 * 12


def test_the_apps_that_are_reached_again_give_the_others_more_probes(stage: Capped) -> None:
    for number in range(100):
        probe(stage, REFUSED, base=f"http://app{number}.test", endpoint=f"app{number}")
    assert stage.flow._unreachable.number(1) == 100
    stage.parked_runs()

    stage.step(60.0)
    for number in range(99):
        probe(stage, OK, base=f"http://app{number}.test", endpoint=f"app{number}")
    assert stage.flow._unreachable.number(1) == 1
    probe(stage, REFUSED, base="http://app99.test", endpoint="app99")

    assert stage.parked_runs()[-1].park_for < 20.0


def test_patience_does_not_consume_what_waits_for_its_app(stage: Capped) -> None:
    """A breaker that is open for another reason delays a run for an hour; then it is called."""
    probe(stage, REFUSED)
    patient = lease(taken(0.0)._replace(**APP), (SECRET,), asked=0.0, answered=0.0)

    for _ in range(3):
        stage.come_back(patient, late=7200)

    assert stage.engine.calls == []
    parked = stage.parked_runs()
    assert block_reasons(parked) == {BlockReason.AWAY}


def test_many_that_are_late_do_not_come_back_every_second(stage: Capped) -> None:
    probe(stage, REFUSED)
    stage.destination().parked = 50_000
    stage.step(1.05)
    probe(stage, REFUSED)
    patient = lease(taken(0.0)._replace(**APP), (SECRET,), asked=0.0, answered=0.0)

    stage.come_back(patient, late=7200)

    assert stage.parked_runs()[-1].park_for >= 5000


def test_answers_count_as_they_do_for_others(stage: Capped) -> None:
    probe(stage, Reply(status=404))
    probe(stage, Reply(status=410))
    probe(stage, Reply(status=410), attempts=3)
    probe(stage, Reply(error="connection-lost", error_detail="reset"), attempts=3)
    probe(stage, Reply(status=500), manner=CallOptions(retry=Constant(0, 0)))

    assert settled(stage) == [RunState.SUCCEEDED, None, *[RunState.FAILED] * 3]
    assert not any(settlement.gone for _, settlement in stage.channels.settlements)
    assert stage.parked_runs() == []


def test_native_runs_for_the_same_place_are_none_of_its_business(stage: Capped) -> None:
    probe(stage, REFUSED)

    stage.lease_many(1)
    assert stage.urls() == [URL]
    stage.answer_all(REFUSED)

    assert settled(stage) == [None]
    (settlement,) = [each for _, each in stage.channels.settlements]
    assert settlement.attempt is not None


def test_native_runs_that_bring_a_place_down_hold_up_no_app(stage: Capped) -> None:
    for _ in range(DOWN_AFTER):
        stage.lease_many(1)
        stage.answer_all(REFUSED)

    probe(stage, OK)

    assert settled(stage)[-1] is RunState.SUCCEEDED


def test_an_app_that_is_not_configured_is_waited_for(stage: Capped) -> None:
    leased = stage.lease(0.0, **NOWHERE)

    assert stage.engine.calls == []
    assert not stage.channels.settlements
    (parking,) = stage.parked_runs()
    assert (parking.id, parking.block_reason, parking.called) == (
        leased.run.id,
        BlockReason.AWAY,
        False,
    )
    assert "no app 'orders' is configured; PUT /1/dapr-apps/<id>" in parking.reason
    assert stage.dispatcher.leased_runs == set()

    for _ in range(10):
        stage.step(8.0)
        assert [each.number for each in stage.channels.unpark_requests] == [1]
        request = stage.channels.unpark_requests.popleft()
        stage.lease(0.0, **NOWHERE)
        stage.dispatcher.flow_control.unparker.on_unparked(request, 1)
        assert len(stage.parked_runs()) == 1


def test_once_it_is_configured_all_that_waited_for_it_is_sent_for(stage: Capped) -> None:
    for _ in range(4):
        stage.lease(0.0, **NOWHERE)
    stage.parked_runs()
    stage.step(0.1)
    assert not stage.channels.unpark_requests

    stage.lease(0.0, **APP)
    assert stage.urls() == ["http://receiver.test/job/wake"]
    stage.step(0.1)

    assert [each.number for each in stage.channels.unpark_requests] == [4]


def test_other_apps_and_accounts_do_not_wait_for_one_that_is_away(stage: Capped) -> None:
    probe(stage, REFUSED)
    stage.lease(0.0, **NOWHERE)
    stage.parked_runs()

    stage.lease(0.0, **(APP | {"base": "http://other.test", "endpoint": "billing"}))
    stage.lease(0.0, **(APP | {"account_id": 3}))

    assert stage.urls() == ["http://other.test/job/wake", "http://receiver.test/job/wake"]
