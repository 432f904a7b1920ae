"""Series: a run that calls further ticks of its job, on a fake clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain import instants
from app.domain.call_options import CallOptions
from app.domain.retry_policy import Constant
from app.domain.run import Reply, RunState
from app.store.settling import Settlement
from tests.workers.harness import OK, REFUSED, Capped
from tests.workers.test_unreachable_apps import APP
from workers.dispatch.leased_run import LeasedRun

DUE = datetime(2026, 1, 1, tzinfo=UTC)
FAILED = Reply(status=500)
POLICY = APP | {
    "serial": True,
    "ends_job": False,
    "call_options": CallOptions(retry=Constant(1, 3)),
}


@pytest.fixture
def harness() -> Iterator[Capped]:
    made = Capped()
    yield made
    made.loop.close()


def tick(number: int) -> datetime:
    return DUE + number * timedelta(milliseconds=10)


def begin(
    harness: Capped, *further: datetime | None, late: float = 1.0, **changes: Any
) -> LeasedRun:
    """A run that was due a while ago, with further ticks; its first call is under way."""
    leased = harness.lease(-late, **(POLICY | {"further": list(further) or None} | changes))
    assert len(harness.engine.calls) == 1
    return leased


def header(harness: Capped, name: str) -> str:
    call, _, _ = harness.engine.calls[-1]
    return dict(each.split(": ", 1) for each in call.headers)[name]


def answered(harness: Capped, *replies: Reply) -> None:
    for reply in replies:
        assert len(harness.engine.calls) == 1, "one at a time"
        harness.answer_all(reply)


def settlement(harness: Capped) -> Settlement:
    ((_, found),) = harness.channels.settlements
    return found


def test_all_ticks_are_called_and_settled_as_one_run(harness: Capped) -> None:
    leased = begin(harness, tick(1), tick(2), tick(3))
    seen = []
    for _ in range(3):
        seen.append((header(harness, "Wakecall-Scheduled-For"), header(harness, "webhook-id")))
        assert header(harness, "Wakecall-Attempt") == "1"
        answered(harness, OK)

    dues = [instants.parse(due, member="due") for due, _ in seen]
    assert dues == [DUE, tick(1), tick(2)]
    first = leased.run.id.int
    assert [each for _, each in seen] == [str(UUID(int=first + n)) for n in range(3)]
    found = settlement(harness)
    assert (found.id, found.due_at, found.state) == (leased.run.id, DUE, RunState.SUCCEEDED)
    assert found.reason == (
        "3 ticks were called in a row, the last of them due at 2026-01-01T00:00:00.02Z."
    )
    assert found.attempt is not None
    assert found.attempt.number == 1
    assert found.ticks is not None
    assert (found.ticks.number, found.ticks.next_at, found.ticks.after_at) == (2, tick(1), tick(3))
    assert found.ticks.before is None
    assert found.ends_job is False


def test_the_last_tick_of_a_job_ends_it(harness: Capped) -> None:
    begin(harness, tick(1), None)
    answered(harness, OK, OK)

    assert settlement(harness).ends_job is True


def test_a_run_without_further_ticks_is_settled_as_ever(harness: Capped) -> None:
    begin(harness)
    answered(harness, OK)

    assert settlement(harness).ticks is None


def test_a_tick_is_not_called_before_its_time(harness: Capped) -> None:
    begin(harness, tick(10), tick(11), late=0.0)
    answered(harness, OK)
    assert harness.engine.calls == []
    harness.step(0.09)
    assert harness.engine.calls == []
    harness.step(0.02)
    harness.poll_cancellations()
    assert len(harness.engine.calls) == 1


@pytest.mark.parametrize(
    ("reply", "changes", "state"),
    [
        (FAILED, {}, None),
        (FAILED, {"call_options": CallOptions(retry=Constant(0, 0))}, RunState.FAILED),
        (Reply(status=202, headers=(("Wakecall-Complete", "later"),)), {}, None),
    ],
)
def test_a_tick_that_does_not_succeed_is_a_run_of_its_own(
    harness: Capped, reply: Reply, changes: dict[str, Any], state: RunState | None
) -> None:
    leased = begin(harness, tick(1), tick(2), tick(3), tick(4), **changes)
    answered(harness, OK, OK, reply)

    found = settlement(harness)
    assert (found.id.int, found.due_at) == (leased.run.id.int + 2, tick(2))
    assert (found.state, found.row_id) == (state, leased.run.id)
    assert found.ticks is not None
    assert (found.ticks.number, found.ticks.after_at) == (2, tick(3))
    before = found.ticks.before
    assert before is not None
    assert (before.id, before.due_at, before.state) == (leased.run.id, DUE, RunState.SUCCEEDED)
    assert (before.reason or "").startswith("2 ticks were called in a row")


def test_the_first_tick_that_fails_is_settled_as_ever_and_the_others_come_later(
    harness: Capped,
) -> None:
    begin(harness, tick(1), tick(2))
    answered(harness, FAILED)

    found = settlement(harness)
    assert (found.state, found.ticks) == (None, None)


def test_what_is_withdrawn_is_called_no_more(harness: Capped) -> None:
    leased = begin(harness, tick(1), tick(2), tick(3))
    answered(harness, OK)
    assert len(harness.engine.calls) == 1
    harness.poll_cancellations(leased)
    answered(harness, OK)

    assert harness.engine.calls == []
    found = settlement(harness)
    assert found.state is RunState.SUCCEEDED
    assert found.ticks is not None
    assert found.ticks.number == 1
    # The last tick that was called is a run of its own, by which a resumption finds it.
    assert (found.id, found.due_at) == (UUID(int=leased.run.id.int + 1), tick(1))
    assert found.ticks.before is not None
    assert (found.ticks.before.id, found.ticks.before.due_at) == (leased.run.id, DUE)


def test_a_run_goes_on_for_a_second_and_leaves_the_rest(harness: Capped) -> None:
    begin(harness, *map(tick, range(1, 100)), late=10.0)
    calls = 0
    while harness.engine.calls:
        harness.clock.now += 0.04
        harness.poll_cancellations()
        answered(harness, OK)
        calls += 1

    assert 20 <= calls <= 30
    found = settlement(harness)
    assert found.ticks is not None
    assert found.ticks.number == calls - 1


def test_a_worker_that_stops_calls_no_further_tick(harness: Capped) -> None:
    begin(harness, tick(1), tick(2))
    harness.dispatcher.stop()
    answered(harness, OK)

    assert settlement(harness).ticks is None
    assert harness.engine.calls == []


def test_an_app_that_is_gone_meanwhile_has_its_tick_parked_as_a_run(harness: Capped) -> None:
    leased = begin(harness, tick(1), tick(2), tick(3))
    answered(harness, OK, REFUSED)

    assert not harness.channels.settlements
    ((_, parking),) = harness.channels.parked
    found = leased.interrupted_settlement(parking.reason)
    assert (found.id.int, found.due_at) == (leased.run.id.int + 1, tick(1))
    assert (found.state, found.attempt, found.retry_at) == (None, None, tick(1))
    assert found.ticks is not None
    assert found.ticks.after_at == tick(2)
    assert found.ticks.before is not None
