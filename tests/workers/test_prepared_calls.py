"""Calls that are built before their time are those that would be built as they begin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.call_options import CallOptions
from app.domain.job import Dialect
from app.domain.run import RunKind
from tests.workers.harness import SECRET, TOKENS, Harness, taken
from workers.dispatch.calls import call_of
from workers.dispatch.leased_run import LeasedRun, lease

DUE = datetime(2026, 11, 30, 8, 30, 12, 250_700, UTC)
WHOLE = DUE.replace(microsecond=0)


@pytest.fixture
def harness() -> Iterator[Harness]:
    made = Harness()
    yield made
    made.loop.close()


def leased_ahead(harness: Harness, number: int, *secrets: str, **changes: Any) -> list[LeasedRun]:
    now = harness.clock.now
    runs = [taken(0.05)._replace(**changes) for _ in range(number)]
    return [lease(run, secrets or (SECRET,), sent_at=now, answered=now) for run in runs]


@pytest.mark.parametrize("late", [0.0, 0.0002, 0.0009, 0.0123, 0.02])
@pytest.mark.parametrize(
    "changes",
    [
        {"due_at": DUE, "send_at": DUE},
        {"due_at": DUE, "send_at": DUE + timedelta(seconds=5, microseconds=400), "attempts": 2},
        {"due_at": WHOLE, "send_at": WHOLE, "missed": 3, "depth": 2, "signature": "sig=abc"},
        {"due_at": DUE, "send_at": DUE.replace(microsecond=995_000), "kind": RunKind.EVENT},
        {
            "due_at": DUE,
            "send_at": DUE,
            "call_options": CallOptions(method="PUT", headers=(("X-Shop", "7"),), timeout=2.5),
        },
        {
            "dialect": Dialect.FUSION,
            "endpoint": "report",
            "base": "http://runner.test/",
            "data": b"{}",
        },
    ],
)
def test_a_prepared_call_is_the_one_that_is_built_as_it_begins(
    harness: Harness, changes: dict[str, Any], late: float
) -> None:
    leased = harness.lease(0.05, **changes)
    assert leased.prepared is not None

    harness.step(0.05 + late)

    ((call, _, _),) = harness.engine.calls
    assert call == call_of(leased, harness.clock.now, TOKENS)
    assert leased.prepared is None


def test_a_few_calls_are_built_in_a_row_and_timers_are_not_kept_waiting(harness: Harness) -> None:
    runs = leased_ahead(harness, 100)
    harness.dispatcher.accept(runs)
    fired_at: list[int] = []
    harness.loop.call_at(
        harness.clock.now,
        lambda: fired_at.append(sum(each.prepared is not None for each in runs)),
    )
    harness.loop.step(patience=0)
    harness.loop.step(patience=0)

    assert fired_at == [0]
    assert 0 < sum(each.prepared is not None for each in runs) <= 32
    harness.step()
    assert all(each.prepared for each in runs)


@pytest.mark.parametrize(
    "changes", [{"size": 70_000, "data": None}, {"dialect": Dialect.DAPR}, {"url": None}]
)
def test_a_call_whose_payload_or_address_is_not_there_is_not_prepared(
    harness: Harness, changes: dict[str, Any]
) -> None:
    assert harness.lease(0.05, **changes).prepared is None


def test_a_call_of_a_run_that_is_due_is_not_prepared(harness: Harness) -> None:
    leased = harness.lease(0.0)
    assert len(harness.engine.calls) == 1
    assert leased.prepared is None


def test_a_call_that_cannot_be_built_does_not_keep_others_from_being_prepared(
    harness: Harness,
) -> None:
    bad = leased_ahead(harness, 1, "whsec_short")
    good = leased_ahead(harness, 3)
    harness.dispatcher.accept([*bad, *good])
    harness.step()

    assert bad[0].prepared is None
    assert all(each.prepared for each in good)


def test_a_call_that_cannot_be_built_as_it_begins_is_an_attempt_that_fails(
    harness: Harness,
) -> None:
    (leased,) = leased_ahead(harness, 1, "whsec_short")
    harness.dispatcher.accept([leased])
    harness.step(0.05)

    ((settled, settlement),) = harness.channels.settlements
    assert (settled, settlement.attempt and settlement.attempt.reply.error) == (
        leased,
        "invalid-request",
    )
    assert not harness.dispatcher._slots._in_flight
    assert not any(each.in_flight for each in harness.dispatcher.flow_control.destinations)
