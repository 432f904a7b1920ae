"""Destinations that ask to wait, are down or are probed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from app.domain.circuit_breaker import BlockReason
from app.domain.run import Reply
from tests.workers.stage import OK, OTHER, REFUSED, SECRET, URL, Capped, block_reasons, taken
from workers.dispatch.calls import WITHDRAWN
from workers.dispatch.leased_run import lease
from workers.dispatch.unparking import UnparkRequest


@pytest.fixture
def stage() -> Iterator[Capped]:
    made = Capped()
    yield made
    made.loop.close()


def test_a_destination_that_is_down_gets_one_probe_at_a_time(stage: Capped) -> None:
    with structlog.testing.capture_logs() as logs:
        stage.go_down()
    assert [(each["event"], each["account_id"], each["destination"]) for each in logs] == [
        ("destination.down", 1, "http://receiver.test:80")
    ]

    stage.lease_many(3)
    assert stage.engine.calls == []
    parked = stage.parked_runs()
    assert block_reasons(parked) == {BlockReason.DOWN}
    assert "receiver.test is down; next probe at 2026-01-01T00:00:01Z" in parked[0].reason

    stage.step(1.0)
    assert [each.number for each in stage.channels.unpark_requests] == [1]
    stage.lease_many(3)
    assert len(stage.engine.calls) == 1
    assert len(stage.parked_runs()) == 2
    stage.lease_many(1, OTHER)
    assert stage.urls() == [URL, OTHER]


def test_a_probe_that_fails_is_followed_by_another_only_later(stage: Capped) -> None:
    stage.go_down()
    stage.step(1.0)
    stage.lease_many(1)
    stage.engine.answer(REFUSED)

    stage.step(1.9)
    stage.lease_many(1)
    assert stage.engine.calls == []
    stage.step(0.2)
    stage.lease_many(2)
    assert len(stage.engine.calls) == 1


def test_a_probe_that_was_withdrawn_leaves_the_way_to_the_next(stage: Capped) -> None:
    stage.go_down()
    stage.step(1.0)
    probe = stage.lease(0.0)
    stage.clock.now += 0.1
    stage.engine.answer(Reply(error=WITHDRAWN, error_detail="the cancellations were stale"))
    stage.step()
    assert stage.destination().probe is None
    assert probe in stage.dispatcher.leased_runs

    stage.lease_many(2)
    stage.poll_cancellations()
    assert len(stage.engine.calls) == 1


def test_a_success_lets_the_rest_through_gradually(stage: Capped) -> None:
    stage.go_down()
    stage.lease_many(2)
    assert len(stage.parked_runs()) == 2
    stage.step(1.0)
    stage.lease_many(1)
    stage.channels.unpark_requests.clear()
    stage.dispatcher.flow_control.unparker.on_unparked(UnparkRequest(stage.destination(), 1, 1), 1)
    with structlog.testing.capture_logs() as logs:
        stage.answer_all(OK)
    assert [each["event"] for each in logs] == ["destination.up"]

    stage.step(0.05)
    assert [each.number for each in stage.channels.unpark_requests] == [2]
    stage.channels.unpark_requests.clear()
    stage.dispatcher.flow_control.unparker.on_unparked(UnparkRequest(stage.destination(), 1, 1), 0)
    stage.step()
    stage.lease_many(4)
    assert len(stage.engine.calls) == 2
    for _ in range(3):
        stage.engine.answer(OK)
        stage.step()
    assert len(stage.engine.calls) == 1
    stage.lease_many(9)
    assert len(stage.engine.calls) == 4


def test_who_asks_for_time_gets_it_and_what_waited_is_parked(stage: Capped) -> None:
    stage.lease_many(6)
    stage.step(0.1)
    stage.engine.answer(Reply(status=503, headers=(("Retry-After", "30"),)))
    stage.step()

    stage.poll_cancellations()
    parked = stage.parked_runs()
    assert len(parked) == 2
    assert block_reasons(parked) == {BlockReason.ASKED}
    assert all(each.park_for > 29.9 for each in parked)
    assert "receiver.test asked to wait until 2026-01-01T00:00:31Z" in parked[0].reason
    stage.answer_all(OK)
    stage.lease_many(1)
    assert stage.engine.calls == []
    stage.lease_many(1, OTHER)
    assert stage.urls() == [OTHER]
    stage.step(30.0)
    assert [each.number for each in stage.channels.unpark_requests] == [1]


def test_after_an_hour_a_run_gets_its_attempt_all_the_same(stage: Capped) -> None:
    stage.go_down()
    patient = lease(taken(0.0), (SECRET,), asked=0.0, answered=0.0)

    stage.come_back(patient, late=3598.5)
    assert stage.engine.calls == []
    (parking,) = stage.parked_runs()
    assert parking.park_for <= 2.0

    for _ in range(6):
        stage.come_back(patient, late=3601)
    assert len(stage.engine.calls) == 4, "the cap holds for them as well"


def test_idle_destinations_are_forgotten_and_those_that_are_down_remembered(
    stage: Capped,
) -> None:
    stage.lease_many(1, OTHER)
    for n in range(50):
        stage.lease_many(1, f"http://host{n}.test/")
    stage.answer_all(OK)
    stage.go_down()
    for _ in range(7):
        stage.lease_many(1)
        stage.answer_all(REFUSED)
        stage.step(11.0)

    assert {each.host for each in stage.flow.destinations} == {"receiver.test"}
