"""Destinations that ask to wait, are down or are probed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from app.domain.circuit_breaker import CLOSED, DOWN_AFTER, BlockReason
from app.domain.run import Reply
from tests.workers.harness import OK, OTHER, REFUSED, SECRET, URL, Capped, block_reasons, taken
from workers.dispatch.calls import WITHDRAWN
from workers.dispatch.leased_run import lease
from workers.dispatch.unparking import UnparkRequest


@pytest.fixture
def harness() -> Iterator[Capped]:
    made = Capped()
    yield made
    made.loop.close()


def test_a_destination_that_is_down_gets_one_probe_at_a_time(harness: Capped) -> None:
    with structlog.testing.capture_logs() as logs:
        harness.go_down()
    assert [(each["event"], each["account_id"], each["destination"]) for each in logs] == [
        ("destination.down", 1, "http://receiver.test:80")
    ]

    harness.lease_many(3)
    assert harness.engine.calls == []
    parked = harness.parked_runs()
    assert block_reasons(parked) == {BlockReason.DOWN}
    assert "receiver.test is down; next probe at 2026-01-01T00:00:01Z" in parked[0].reason

    harness.step(1.0)
    assert [each.number for each in harness.channels.unpark_requests] == [1]
    harness.lease_many(3)
    assert len(harness.engine.calls) == 1
    assert len(harness.parked_runs()) == 2
    harness.lease_many(1, OTHER)
    assert harness.urls() == [URL, OTHER]


def test_a_probe_that_fails_is_followed_by_another_only_later(harness: Capped) -> None:
    harness.go_down()
    harness.step(1.0)
    harness.lease_many(1)
    harness.engine.answer(REFUSED)

    harness.step(1.9)
    harness.lease_many(1)
    assert harness.engine.calls == []
    harness.step(0.2)
    harness.lease_many(2)
    assert len(harness.engine.calls) == 1


def test_a_probe_that_was_withdrawn_leaves_the_way_to_the_next(harness: Capped) -> None:
    harness.go_down()
    harness.step(1.0)
    probe = harness.lease(0.0)
    harness.clock.now += 0.1
    harness.engine.answer(Reply(error=WITHDRAWN, error_detail="the cancellations were stale"))
    harness.step()
    assert harness.destination().probe is None
    assert probe in harness.dispatcher.leased_runs

    harness.lease_many(2)
    harness.poll_cancellations()
    assert len(harness.engine.calls) == 1


def test_a_probe_that_succeeds_last_leaves_the_way_to_the_next_outage(harness: Capped) -> None:
    """Calls from before the outage closed the breaker, while the probe was still under way."""
    harness.lease_many(1)
    harness.clock.now += 0.01
    for _ in range(DOWN_AFTER):
        harness.lease(0.0)
        _, done, _ = harness.engine.calls.pop()
        done(REFUSED)
        harness.step()
    harness.step(1.0)
    harness.lease_many(1)
    before, probe = harness.engine.calls
    before[1](OK)
    harness.engine.calls.remove(before)
    for _ in range(4):
        harness.lease(0.0)
        harness.engine.calls.pop()[1](OK)
        harness.step()
    assert harness.destination().breaker is CLOSED
    probe[1](OK)
    harness.engine.calls.clear()
    harness.step()

    harness.go_down()
    harness.step(60.0)
    harness.lease_many(1)

    assert len(harness.engine.calls) == 1


def test_a_success_lets_the_rest_through_gradually(harness: Capped) -> None:
    harness.go_down()
    harness.lease_many(2)
    assert len(harness.parked_runs()) == 2
    harness.step(1.0)
    harness.lease_many(1)
    harness.channels.unpark_requests.clear()
    harness.dispatcher.flow_control.unparker.on_unparked(
        UnparkRequest(harness.destination(), 1, 1), 1
    )
    with structlog.testing.capture_logs() as logs:
        harness.answer_all(OK)
    assert [each["event"] for each in logs] == ["destination.up"]

    harness.step(0.05)
    assert [each.number for each in harness.channels.unpark_requests] == [2]
    harness.channels.unpark_requests.clear()
    harness.dispatcher.flow_control.unparker.on_unparked(
        UnparkRequest(harness.destination(), 1, 1), 0
    )
    harness.step()
    harness.lease_many(4)
    assert len(harness.engine.calls) == 2
    for _ in range(3):
        harness.engine.answer(OK)
        harness.step()
    assert len(harness.engine.calls) == 1
    harness.lease_many(9)
    assert len(harness.engine.calls) == 4


def test_who_asks_for_time_gets_it_and_what_waited_is_parked(harness: Capped) -> None:
    harness.lease_many(6)
    harness.step(0.1)
    harness.engine.answer(Reply(status=503, headers=(("Retry-After", "30"),)))
    harness.step()

    harness.poll_cancellations()
    parked = harness.parked_runs()
    assert len(parked) == 2
    assert block_reasons(parked) == {BlockReason.ASKED}
    assert all(each.park_for > 29.9 for each in parked)
    assert "receiver.test asked to wait until 2026-01-01T00:00:31Z" in parked[0].reason
    harness.answer_all(OK)
    harness.lease_many(1)
    assert harness.engine.calls == []
    harness.lease_many(1, OTHER)
    assert harness.urls() == [OTHER]
    harness.step(30.0)
    assert [each.number for each in harness.channels.unpark_requests] == [1]


def test_after_an_hour_a_run_gets_its_attempt_all_the_same(harness: Capped) -> None:
    harness.go_down()
    patient = lease(taken(0.0), (SECRET,), sent_at=0.0, answered=0.0)

    harness.come_back(patient, late=3598.5)
    assert harness.engine.calls == []
    (parking,) = harness.parked_runs()
    assert parking.park_for <= 2.0

    for _ in range(6):
        harness.come_back(patient, late=3601)
    assert len(harness.engine.calls) == 4, "the cap holds for them as well"


def test_idle_destinations_are_forgotten_and_those_that_are_down_remembered(
    harness: Capped,
) -> None:
    harness.lease_many(1, OTHER)
    for n in range(50):
        harness.lease_many(1, f"http://host{n}.test/")
    harness.answer_all(OK)
    harness.go_down()
    for _ in range(7):
        harness.lease_many(1)
        harness.answer_all(REFUSED)
        harness.step(11.0)

    assert {each.host for each in harness.flow.destinations} == {"receiver.test"}
