"""Destinations: capped, waited for, parked and fetched for, by the clock and engine of the test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.domain.call_options import CallOptions
from app.domain.circuit_breaker import BlockReason
from app.domain.retry_policy import RetryPolicy
from app.domain.run import Reply, RunState
from tests.workers.harness import (
    OK,
    OTHER,
    REFUSED,
    SECRET,
    URL,
    Capped,
    Harness,
    block_reasons,
    taken,
)
from workers.dispatch import known_destinations
from workers.dispatch.calls import WITHDRAWN
from workers.dispatch.leased_run import lease


@pytest.fixture
def harness() -> Iterator[Capped]:
    made = Capped()
    yield made
    made.loop.close()


def test_no_more_calls_are_under_way_than_the_cap(harness: Capped) -> None:
    harness.lease_many(10)
    assert len(harness.engine.calls) == 4

    for _ in range(6):
        harness.engine.answer(OK)
        harness.step()
        assert len(harness.engine.calls) <= 4

    assert len(harness.channels.settlements) == 6
    assert len(harness.engine.calls) == 4


def test_a_destination_is_account_scheme_host_and_port(harness: Capped) -> None:
    for url in (URL, "http://RECEIVER.test:80/elsewhere?x=1"):
        harness.lease_many(3, url)
    assert len(harness.engine.calls) == 4

    for url in ("https://receiver.test/cb", "http://receiver.test:81/cb", OTHER):
        harness.lease_many(1, url)
    harness.lease_many(1, URL, account=3)
    assert len(harness.engine.calls) == 8


def test_an_account_may_have_a_cap_of_its_own(harness: Capped) -> None:
    harness.lease_many(5, account=2)

    assert len(harness.engine.calls) == 2


def test_workers_share_the_cap_and_it_changes_with_their_number(harness: Capped) -> None:
    harness.dispatcher.flow_control.set_workers(2)
    harness.step()
    harness.lease_many(5)
    assert len(harness.engine.calls) == 2

    harness.dispatcher.flow_control.set_workers(1)
    harness.step()
    harness.engine.answer(OK)
    harness.step()
    assert len(harness.engine.calls) == 4


def test_what_waits_too_long_for_a_full_destination_is_parked(harness: Capped) -> None:
    leased = harness.lease_many(6)
    assert harness.parked_runs() == []

    harness.step(0.99)
    assert harness.parked_runs() == []
    harness.step(0.02)

    parked = harness.parked_runs()
    assert [each.id for each in parked] == [each.run.id for each in leased[4:]]
    assert block_reasons(parked) == {BlockReason.FULL}
    assert parked[0].reason == "waiting: 4 calls to receiver.test are under way"
    assert parked[0].destination == "http://receiver.test:80"
    assert harness.dispatcher.leased_runs == set(leased[:4])


def test_what_is_too_old_for_its_job_takes_no_slot_and_is_not_parked(harness: Capped) -> None:
    brief = CallOptions(retry=RetryPolicy(max_age=60.0))
    harness.lease_many(3)
    for _ in range(2):
        harness.lease(-61.0, call_options=brief, attempts=1)
    harness.lease_many(1)
    harness.lease(-61.0, call_options=brief, attempts=1)

    assert len(harness.engine.calls) == 4
    assert harness.parked_runs() == []
    states = [settlement.state for _, settlement in harness.channels.settlements]
    assert states == [RunState.FAILED] * 3


def test_what_grows_too_old_while_it_waits_leaves_its_turn_to_the_next(harness: Capped) -> None:
    harness.lease_many(4)
    harness.lease(-59.9, call_options=CallOptions(retry=RetryPolicy(max_age=60.0)), attempts=1)
    (last,) = harness.lease_many(1)
    harness.step(0.2)
    harness.engine.answer(OK)
    harness.step()
    harness.poll_cancellations()

    assert len(harness.engine.calls) == 4
    assert f"webhook-id: {last.run.id}" in harness.engine.calls[-1][0].headers
    states = [settlement.state for _, settlement in harness.channels.settlements]
    assert states == [RunState.SUCCEEDED, RunState.FAILED]


def test_nothing_waits_for_a_destination_known_to_be_slow(harness: Capped) -> None:
    harness.lease_many(4)
    harness.step(15)
    harness.answer_all(OK)

    harness.lease_many(5)

    assert len(harness.parked_runs()) == 1


def test_runs_that_wait_for_one_destination_hold_up_no_other(harness: Capped) -> None:
    harness.lease_many(60)
    harness.lease_many(1, OTHER)

    assert harness.urls() == [URL] * 4 + [OTHER]
    assert harness.dispatcher._late == set()
    assert len(harness.parked_runs()) == 60 - 4 - 50  # half the concurrency may wait


def test_a_worker_in_which_many_wait_for_their_destinations_wants_no_more_overdue_ones() -> None:
    crowded = Harness(concurrency=2000)
    for _ in range(50 + 499):
        crowded.lease(0.0)
    saturated = [crowded.dispatcher.saturated]
    crowded.lease(0.0)
    saturated.append(crowded.dispatcher.saturated)

    assert saturated == [False, True]
    assert crowded.dispatcher._late == set()
    crowded.loop.close()


def test_a_run_that_waited_begins_only_after_a_poll(harness: Capped) -> None:
    harness.lease_many(5)
    harness.step(0.1)
    harness.engine.answer(OK)
    harness.step()
    assert len(harness.engine.calls) == 3

    harness.poll_cancellations()

    assert len(harness.engine.calls) == 4


def test_a_run_that_was_withdrawn_while_it_waited_does_not_begin(harness: Capped) -> None:
    waits = harness.lease_many(5)[4]
    harness.step(0.1)
    harness.poll_cancellations(waits)
    harness.engine.answer(OK)
    harness.step()

    assert len(harness.engine.calls) == 3
    assert harness.destination().idle is False
    harness.answer_all(OK)
    assert harness.destination().idle is True


def test_the_slot_of_a_run_that_turns_out_unwanted_goes_to_the_next(harness: Capped) -> None:
    _, _, _, _, unwanted, _, _ = harness.lease_many(7)
    harness.poll_cancellations(unwanted)
    harness.engine.answer(OK)
    harness.step()
    assert len(harness.engine.calls) == 4
    assert harness.destination().in_flight == 4
    harness.engine.answer(OK)
    harness.step()
    assert len(harness.engine.calls) == 4


def test_a_call_withdrawn_before_it_began_frees_its_slot(harness: Capped) -> None:
    harness.lease_many(5)
    harness.engine.answer(Reply(error=WITHDRAWN, error_detail="the cancellations were stale"))
    harness.step()

    # The one that waited has the slot; the withdrawn one is still sure, and waits in its place.
    assert len(harness.engine.calls) == 4
    harness.answer_all(OK)
    harness.answer_all(OK)
    assert harness.destination().idle is True
    assert len(harness.channels.settlements) == 5


def test_parked_runs_are_unparked_as_there_is_room(harness: Capped) -> None:
    leased = harness.lease_many(7)
    harness.step(1.01)
    assert len(harness.parked_runs()) == 3
    harness.step(0.1)
    assert not harness.channels.unpark_requests  # there is no room

    harness.engine.answer(OK)
    harness.engine.answer(OK)
    harness.step(0.1)
    (request,) = harness.channels.unpark_requests
    assert request.destination.key_in_store == (1, "http://receiver.test:80")
    assert 2 <= request.number <= 3
    fresh = harness.lease(0.0)
    assert len(harness.engine.calls) == 2, "a slot that is spoken for was given away"

    for each in leased[4:]:
        harness.come_back(each)
    harness.dispatcher.flow_control.unparker.on_unparked(request, request.number)
    harness.step()
    assert len(harness.engine.calls) == 4
    assert fresh in harness.dispatcher.leased_runs


def test_nothing_is_sent_for_while_its_account_has_no_slot(harness: Capped) -> None:
    harness.lease_many(5)
    harness.step(1.01)
    assert len(harness.parked_runs()) == 1
    for n in range(25):
        harness.lease_many(4, url=f"http://slow{n}.test/")
    in_flight = len(harness.engine.calls)
    for _ in range(4):
        harness.engine.answer(OK)
    harness.step(0.1)
    assert len(harness.engine.calls) == in_flight < 100
    assert not harness.channels.unpark_requests

    harness.answer_all(OK)
    harness.answer_all(OK)
    harness.step(0.1)
    assert len(harness.channels.unpark_requests) == 1


def test_when_fewer_are_found_than_asked_for_no_more_are_sent_for(harness: Capped) -> None:
    harness.lease_many(5)
    harness.step(1.01)
    assert len(harness.parked_runs()) == 1
    harness.answer_all(OK)
    harness.step(0.1)
    request = harness.channels.unpark_requests.popleft()

    harness.dispatcher.flow_control.unparker.on_unparked(request, 0)
    harness.step(1.0)

    assert not harness.channels.unpark_requests
    harness.lease_many(4)
    assert len(harness.engine.calls) == 4


def test_no_more_is_sent_for_than_may_wait_and_all_have_their_turn(harness: Capped) -> None:
    """Fifty may wait; thirty destinations have four slots each, and runs parked elsewhere."""
    for n in range(30):
        run = taken(0.0)._replace(url=f"http://host{n}.test/")
        harness.come_back(lease(run, (SECRET,), sent_at=0.0, answered=0.0))
    harness.answer_all(OK)
    found: list[str] = []
    for _ in range(4):
        harness.step(0.1)
        assert 0 < sum(each.number for each in harness.channels.unpark_requests) <= 50
        found += [each.destination.host for each in harness.channels.unpark_requests]
        while harness.channels.unpark_requests:
            request = harness.channels.unpark_requests.popleft()
            harness.dispatcher.flow_control.unparker.on_unparked(request, request.number)
        harness.step()

    assert len(set(found)) == 30


def test_only_what_is_written_as_parked_is_unparked(harness: Capped) -> None:
    """Sooner, it would not be found, and taken for gone."""
    leased = harness.lease_many(6)
    harness.step(1.01)
    harness.answer_all(OK)
    harness.step(1.0)
    assert len(harness.channels.parked) == 2
    assert not harness.channels.unpark_requests

    batch = [each for each, _ in harness.channels.parked]
    harness.report_parked(batch, {leased[4].run.id})
    harness.step()
    harness.step(0.1)
    assert [each.known for each in harness.channels.unpark_requests] == [1]


def test_what_was_parked_while_others_were_sent_for_is_not_forgotten(harness: Capped) -> None:
    harness.lease_many(6)
    harness.step(1.01)
    harness.parked_runs()
    harness.answer_all(OK)
    harness.step(0.1)
    request = harness.channels.unpark_requests.popleft()
    assert request.known == 2
    harness.lease_many(5)
    harness.step(1.01)
    assert len(harness.parked_runs()) > 0

    harness.dispatcher.flow_control.unparker.on_unparked(request, 0)
    harness.answer_all(OK)
    harness.step(0.1)

    assert harness.channels.unpark_requests


def test_a_worker_that_meets_a_parked_run_searches_for_others(harness: Capped) -> None:
    elsewhere = lease(taken(0.0), (SECRET,), sent_at=0.0, answered=0.0)

    harness.come_back(elsewhere)
    harness.step(0.1)

    assert [each.destination.key_in_store for each in harness.channels.unpark_requests] == [
        (1, "http://receiver.test:80")
    ]


def test_lateness_counts_from_the_due_time_also_after_a_leave(harness: Capped) -> None:
    leased = harness.come_back(lease(taken(0.0), (SECRET,), sent_at=0.0, answered=0.0), late=10.0)
    harness.engine.answer(OK)
    _, settlement = harness.channels.settlements.popleft()

    assert settlement.attempt is not None
    assert settlement.attempt.lateness_ms == pytest.approx(10_000)
    assert settlement.attempt.started_at == leased.run.due_at + timedelta(seconds=10)


def test_a_worker_that_stops_sends_for_nothing(harness: Capped) -> None:
    harness.lease_many(6)

    harness.dispatcher.stop()
    assert len(harness.parked_runs()) == 2
    harness.answer_all(OK)
    harness.step(0.2)
    assert not harness.channels.unpark_requests


def test_however_many_destinations_there_are_few_are_remembered(
    harness: Capped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_destinations, "_MAX_KNOWN", 20)
    harness.lease_many(1)
    for n in range(100):
        harness.lease_many(1, f"http://host{n}.test/")
        _, done, _ = harness.engine.calls.pop()
        done(REFUSED)
        harness.step(0.2)

    assert len(list(harness.flow.destinations)) <= 26  # those of a second more
    assert harness.destination().in_flight == 1


def test_a_run_whose_url_leads_nowhere_is_none_of_our_business(harness: Capped) -> None:
    harness.lease_many(9, "nonsense")
    assert len(harness.engine.calls) == 9
    harness.answer_all(Reply(error="invalid-request", error_detail="no URL"))

    assert list(harness.flow.destinations) == []
