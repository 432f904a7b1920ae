"""What was written while the database's clock was an hour ahead, once it was set back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from app.domain.firing_rate import Allowed, FiringLimits
from app.domain.run import Reply
from app.store.claims import claim
from app.store.clock_steps import bring_back, rearm_ahead
from app.store.settling import settle
from tests import stepped_clock
from tests.factories import book, claim_and_take, connect, one
from tests.store.test_settling import settlement_of
from tests.workers.clock_harness import HOUR, ClockHarness
from tests.workers.harness import SECRET, Harness
from workers.dispatch.leased_run import lease
from workers.dispatch.settler import Settler

SOON = "SELECT {} < pg_catalog.clock_timestamp() + interval '{} s' FROM {}"


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    stepped_clock.install(database)
    with connect(database) as opened:
        yield opened


@pytest.fixture
def clock_harness(database: str, connection: psycopg.Connection) -> Iterator[ClockHarness]:
    made = ClockHarness(database, connection)
    yield made
    made.reconnecting.close()


def repair(connection: psycopg.Connection, step: float = HOUR) -> None:
    def fail(*reasons: object) -> None:
        raise AssertionError(reasons)

    bring_back(connection, step=step, failed=fail)
    rearm_ahead(connection, has_ended=lambda: False, unreadable=fail)


@pytest.mark.parametrize("taken_while_ahead", [False, True])
def test_a_deadline_that_was_written_while_the_clock_was_ahead_is_not_late(
    clock_harness: ClockHarness, *, taken_while_ahead: bool
) -> None:
    connection, harness = clock_harness.connection, Harness()
    book(connection, clock_harness.account, due_in=-1)
    clock_harness.set(HOUR if taken_while_ahead else 0.0)
    (run,) = claim_and_take(connection)
    now = harness.clock.now
    leased = lease(run, (SECRET,), asked=now, answered=now)
    harness.dispatcher.accept([leased])
    harness.step()
    answer = Reply(status=202, headers=(("Wakecall-Complete", "later; within=60"),))
    harness.engine.answer(answer)
    clock_harness.set(HOUR)
    settler = Settler(
        clock_harness.reconnecting,
        harness.dispatcher,
        harness.channels,
        "test",
        clock=harness.clock,
    )
    settler.run_once()
    harness.loop.close()

    clock_harness.set(0.0)
    repair(connection)

    for column in ("complete_by", "look_at"):
        assert one(connection, SOON.format(column, 62, "inflight")) is True
        assert not one(connection, SOON.format(column, 50, "inflight"))


def test_a_result_that_was_reported_while_the_clock_was_ahead_is_applied_at_once(
    clock_harness: ClockHarness,
) -> None:
    connection = clock_harness.connection
    book(connection, clock_harness.account, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET completion = 'succeeded'")
    begun = one(connection, "SELECT now()")
    clock_harness.set(HOUR)
    outcome = settlement_of(run, None, 202)
    assert outcome.attempt is not None
    outcome = outcome._replace(
        retry_at=None,
        within=7200,
        complete_by=begun + timedelta(hours=2),
        attempt=outcome.attempt._replace(started_at=begun),
    )
    settle(connection, [outcome])
    clock_harness.set(0.0)

    repair(connection)

    assert one(connection, SOON.format("look_at", 1, "inflight")) is True


def test_a_secret_that_was_rotated_while_the_clock_was_ahead_ends_in_time(
    clock_harness: ClockHarness,
) -> None:
    connection = clock_harness.connection
    insert = (
        "INSERT INTO signing_secret (account_id, sealed, expires_at)"
        " VALUES (%s, %s, clock_timestamp() + %s::interval) RETURNING id"
    )
    retired = one(connection, insert, clock_harness.account, "first", "600 s")
    clock_harness.set(HOUR)
    leaked = one(connection, insert, clock_harness.account, "second", "0 s")
    lasting = one(connection, insert, clock_harness.account, "third", "60 s")
    current = one(connection, insert, clock_harness.account, "fourth", None)
    clock_harness.set(0.0)
    # The successor of the first secret was made before the clock leapt.
    connection.execute(
        "UPDATE signing_secret SET created_at = created_at - interval '1 h' WHERE id = %s",
        (leaked,),
    )

    for _ in range(2):
        repair(connection)

    ends = "SELECT expires_at - pg_catalog.clock_timestamp() FROM signing_secret WHERE id = %s"
    assert timedelta(seconds=590) < one(connection, ends, retired) <= timedelta(seconds=600)
    assert one(connection, ends, leaked) <= timedelta(0)
    assert timedelta(seconds=50) < one(connection, ends, lasting) <= timedelta(seconds=61)
    assert one(connection, ends, current) is None
    ahead = "SELECT count(*) FROM signing_secret WHERE created_at > pg_catalog.clock_timestamp()"
    assert one(connection, ahead) == 0


def test_a_firing_that_was_postponed_while_the_clock_was_ahead_is_made_in_time(
    clock_harness: ClockHarness,
) -> None:
    connection = clock_harness.connection
    clock_harness.set(HOUR)
    for _ in range(3):
        clock_harness.cron(due_in=HOUR - 1)
    limits = FiringLimits(of={clock_harness.account: Allowed(per_second=1)})
    made = claim(connection, budget=10, ahead=0.3, unreadable=lambda *_: None, limits=limits)
    assert len(made.runs) == 1
    assert one(connection, "SELECT count(*) FROM due WHERE owed_at IS NOT NULL") == 2
    clock_harness.set(0.0)

    repair(connection)

    assert one(connection, "SELECT count(*) FROM due WHERE owed_at IS NOT NULL") == 0
    soon = "SELECT count(*) FROM due WHERE next_at < pg_catalog.now() + interval '16 min'"
    assert one(connection, soon) == 2


def test_what_an_account_stores_is_counted_again_in_time(clock_harness: ClockHarness) -> None:
    connection = clock_harness.connection
    clock_harness.set(HOUR)
    connection.execute(
        "INSERT INTO usage (account_id) VALUES (%s)"
        " ON CONFLICT (account_id) DO UPDATE SET recounted_at = clock_timestamp()",
        (clock_harness.account,),
    )
    clock_harness.set(0.0)

    repair(connection)

    assert one(connection, SOON.format("recounted_at", 1, "usage")) is True
