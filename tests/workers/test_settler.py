"""The settler: all that came is written, past what cannot be just now, and at its end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from unittest.mock import Mock

import psycopg
import pytest
import structlog

from app import log
from app.domain.circuit_breaker import BlockReason
from app.domain.run import Reply, RunKind, RunState, Timing
from app.domain.timings.settling import SETTLE_LOCK_TIMEOUT_S
from app.store.connection import ReconnectingConnection
from app.store.parking import Parking
from tests.factories import add_account, book, claim_and_take, connect, one
from tests.store import test_ticks
from tests.store.test_apart import slow_ends
from tests.store.test_settling import settlement_of
from tests.workers.harness import SECRET, Harness
from workers.dispatch.leased_run import LeasedRun, lease
from workers.dispatch.settler import Settler


@pytest.fixture
def harness() -> Iterator[Harness]:
    made = Harness()
    yield made
    made.loop.close()


def test_an_end_without_a_database_is_an_end_all_the_same(harness: Harness) -> None:
    harness.lease(0.0)
    harness.engine.answer(Reply(status=204))
    settler = Settler(
        ReconnectingConnection("postgresql://127.0.0.1:1/nowhere", "settler"),
        harness.dispatcher,
        harness.channels,
        "test",
    )

    settler.flush()

    assert not settler.empty


def test_outcomes_gather_for_the_pause_unless_there_are_enough_for_a_batch(
    database: str, harness: Harness
) -> None:
    leased = harness.lease(60.0)
    outcomes = harness.channels.settlements
    outcomes.extend([(leased, leased.settlement(RunState.SUCCEEDED))] * 2500)
    settler = Settler(
        ReconnectingConnection(database, "settler"),
        harness.dispatcher,
        harness.channels,
        "test",
        clock=harness.clock,
    )

    settler.run_once()
    assert len(outcomes) == 1500
    assert settler.interval == 0.0
    settler.run_once()
    assert len(outcomes) == 500
    assert settler.interval == pytest.approx(0.05)
    settler.flush()


def test_an_orderly_end_writes_all_there_is(database: str, harness: Harness) -> None:
    leased = harness.lease(60.0)
    harness.channels.settlements.extend([(leased, leased.settlement(RunState.SUCCEEDED))] * 2500)
    settler = Settler(
        ReconnectingConnection(database, "settler"),
        harness.dispatcher,
        harness.channels,
        "test",
        clock=harness.clock,
    )

    settler.flush()

    assert settler.empty


def test_runs_parked_are_written_counted_and_let_go(database: str, harness: Harness) -> None:
    with connect(database) as connection:
        account = add_account(connection)
        for _ in range(2):
            book(connection, account, due_in=-1)
        runs = claim_and_take(connection)
        leased = [
            lease(run, (SECRET,), sent_at=harness.clock.now, answered=harness.clock.now)
            for run in runs
        ]
        harness.dispatcher.accept(leased)
        # The other was reclaimed meanwhile.
        connection.execute("UPDATE inflight SET token = token + 1 WHERE id = %s", (runs[1].id,))
        for each in leased:
            back = Parking(each.run.id, each.run.token, "http://x:80", 60, BlockReason.DOWN, "down")
            harness.channels.parked.append((each, back))
        settler = Settler(
            ReconnectingConnection(database, "settler"),
            harness.dispatcher,
            harness.channels,
            "test",
            clock=harness.clock,
        )

        settler.flush()

        assert settler.empty
        assert harness.dispatcher.leased_runs == set()
        waiting = "SELECT array_agg(id) FROM inflight WHERE state = 'waiting'"
        assert one(connection, waiting) == [runs[0].id]
        counted = "SELECT label, total FROM tally WHERE name = 'parked'"
        assert connection.execute(counted).fetchall() == [("down", 1)]


def test_the_line_of_an_attempt_has_run_call_and_outcome(
    database: str, harness: Harness, capfd: pytest.CaptureFixture[str]
) -> None:
    with connect(database) as connection:
        book(connection, add_account(connection), due_in=-1)
        (run,) = claim_and_take(connection)
        leased = lease(run, (SECRET,), sent_at=harness.clock.now, answered=harness.clock.now)
        harness.dispatcher.accept([leased])
        harness.step()
        harness.engine.answer(Reply(status=503, timing=Timing(first_byte=1.5, total=2.0)))
        _, settlement = harness.channels.settlements[0]
        attempt = settlement.attempt
        assert attempt is not None
        Settler(
            ReconnectingConnection(database, "settler"),
            harness.dispatcher,
            harness.channels,
            "test",
            clock=harness.clock,
        ).flush()

    log.flush()
    (line,) = map(json.loads, capfd.readouterr().err.splitlines())
    del line["timestamp"], line["process"]
    assert line == {
        "event": "attempt",
        "level": "info",
        "run_id": str(run.id),
        "job_id": str(run.job_id),
        "job_version": 1,
        "due_at": run.due_at.isoformat(),
        "attempt": 1,
        "started_at": attempt.started_at.isoformat(),
        "lateness_ms": round(attempt.lateness_ms, 3),
        "status": 503,
        "error": None,
        "detail": None,
        "dns_ms": None,
        "connect_ms": None,
        "tls_ms": None,
        "first_byte_ms": 1.5,
        "total_ms": 2.0,
        "outcome": "retry",
        "retry_at": settlement.retry_at and settlement.retry_at.isoformat(),
        "reason": settlement.reason,
    }


def test_the_lateness_of_what_the_schedule_made_is_counted_and_no_other(
    database: str, harness: Harness
) -> None:
    with connect(database) as connection:
        account = add_account(connection)
        for _ in range(2):
            book(connection, account, due_in=-1)
        scheduled, by_hand = claim_and_take(connection)
        for run in (scheduled, by_hand._replace(kind=RunKind.MANUAL)):
            leased = lease(run, (SECRET,), sent_at=harness.clock.now, answered=harness.clock.now)
            harness.dispatcher.accept([leased])
            harness.step()
            harness.engine.answer(Reply(status=204))
        settler = Settler(
            ReconnectingConnection(database, "settler"),
            harness.dispatcher,
            harness.channels,
            "test",
            clock=harness.clock,
        )

        settler.flush()

        assert one(connection, "SELECT total FROM tally WHERE name = 'run'") == 2
        assert one(connection, "SELECT sum(total) FROM tally WHERE name = 'lateness'") == 1


def hold_some(connection: psycopg.Connection, harness: Harness, number: int) -> list[LeasedRun]:
    """Runs whose calls have succeeded, and whose outcomes are to be written."""
    account = add_account(connection, f"account-{one(connection, 'SELECT count(*) FROM account')}")
    for _ in range(number):
        book(connection, account, due_in=-1)
    now = harness.clock.now
    found = [lease(run, (SECRET,), sent_at=now, answered=now) for run in claim_and_take(connection)]
    harness.dispatcher.accept(found)
    harness.step()
    for _ in found:
        harness.engine.answer(Reply(status=204))
    return found


@pytest.fixture
def settler(database: str, harness: Harness) -> Iterator[Settler]:
    reconnecting = ReconnectingConnection(database, "settler", lock_timeout=SETTLE_LOCK_TIMEOUT_S)
    yield Settler(reconnecting, harness.dispatcher, harness.channels, "test", clock=harness.clock)
    reconnecting.close()


def test_while_a_job_is_locked_the_outcomes_of_all_others_are_written(
    database: str, harness: Harness, settler: Settler
) -> None:
    with connect(database) as connection, connect(database) as other:
        locked, *first = hold_some(connection, harness, 3)
        with other.transaction():
            other.execute("SELECT FROM due WHERE job_id = %s FOR UPDATE", (locked.run.job_id,))
            began = time.monotonic()
            settler.run_once()
            assert harness.dispatcher.leased_runs == {locked}
            second = hold_some(connection, harness, 2)
            settler.run_once()
            harness.clock.now += 1.0
            settler.run_once()
            assert harness.dispatcher.leased_runs == {locked}
            # Each would have waited for as long as the row is locked.
            assert time.monotonic() - began < 5
        history = "SELECT array_agg(id) FROM run"
        written = {leased.run.id for leased in (*first, *second)}
        assert set(one(connection, history)) == written

        harness.clock.now += 1.0
        settler.run_once()

        assert set(one(connection, history)) == written | {locked.run.id}
        assert settler.empty
        assert harness.dispatcher.leased_runs == set()


def test_an_outcome_that_takes_too_long_is_tried_by_itself_and_ever_less_often(
    database: str, harness: Harness, settler: Settler
) -> None:
    with connect(database) as connection, slow_ends(connection):
        slow, other = hold_some(connection, harness, 2)
        outcomes = harness.channels.settlements
        outcomes.extend(
            [
                (leased, settlement._replace(reason="slow") if leased is slow else settlement)
                for leased, settlement in (outcomes.popleft(), outcomes.popleft())
            ]
        )
        with settler._database.use() as session:
            session.execute("SET statement_timeout = '300ms'")
        settler.run_once()

        assert harness.dispatcher.leased_runs == {slow}
        assert one(connection, "SELECT id FROM run") == other.run.id
        connection.execute("ALTER TABLE run DISABLE TRIGGER be_slow")
        settler.run_once()
        assert harness.dispatcher.leased_runs == {slow}
        harness.clock.now += 1.1
        settler.run_once()
        assert settler.empty


def test_a_locked_run_is_parked_later_and_the_others_at_once(
    database: str, harness: Harness, settler: Settler
) -> None:
    with connect(database) as connection, connect(database) as other:
        account = add_account(connection)
        for _ in range(2):
            book(connection, account, due_in=-1)
        now = harness.clock.now
        leased = [lease(run, (), sent_at=now, answered=now) for run in claim_and_take(connection)]
        harness.dispatcher.leased_runs.update(leased)
        for each in leased:
            back = Parking(each.run.id, each.run.token, "http://x:80", 60, BlockReason.DOWN, "down")
            harness.channels.parked.append((each, back))
        waiting = "SELECT count(*) FROM inflight WHERE state = 'waiting'"
        with other.transaction():
            other.execute("SELECT FROM inflight WHERE id = %s FOR UPDATE", (leased[0].run.id,))
            settler.run_once()
            assert one(connection, waiting) == 1
            assert harness.dispatcher.leased_runs == {leased[0]}

        settler.run_once()

        assert one(connection, waiting) == 2
        assert settler.empty


def hold_interrupted(connection: psycopg.Connection, harness: Harness) -> LeasedRun:
    """A run that has called a tick, and was given back when it was the turn of the next one."""
    account = add_account(connection, f"account-{one(connection, 'SELECT count(*) FROM account')}")
    test_ticks.book(connection, account, late=5.0)
    now = harness.clock.now
    (run,) = claim_and_take(connection)
    leased = lease(run, (), sent_at=now, answered=now)
    harness.dispatcher.leased_runs.add(leased)
    leased.advance_tick(settlement_of(run))
    give_back(harness, leased)
    return leased


def give_back(harness: Harness, leased: LeasedRun) -> None:
    back = Parking(leased.run.id, leased.run.token, "http://x:80", 60, BlockReason.DOWN, "down")
    harness.channels.parked.append((leased, back))


def test_ticks_of_a_locked_run_that_is_parked_are_stored_later_under_its_lease(
    database: str, harness: Harness, settler: Settler
) -> None:
    with connect(database) as connection, connect(database) as other:
        leased = hold_interrupted(connection, harness)
        with other.transaction():
            other.execute("SELECT FROM inflight WHERE id = %s FOR UPDATE", (leased.run.id,))
            settler.run_once()
            # Whom the courier holds, the lease watch extends the lease of.
            assert harness.dispatcher.leased_runs == {leased}
        harness.clock.now += 1.0

        settler.run_once()

        assert one(connection, "SELECT id FROM run") == leased.run.id
        assert one(connection, "SELECT state FROM inflight") == "waiting"
        assert harness.dispatcher.leased_runs == set()
        assert settler.empty


def test_ticks_are_stored_once_where_the_database_is_lost_while_others_are_parked(
    database: str, harness: Harness, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(database) as connection:
        hold_interrupted(connection, harness)
        (other,) = hold_some(connection, harness, 1)
        harness.channels.settlements.clear()
        give_back(harness, other)
        lost = Mock(side_effect=psycopg.OperationalError("the connection is lost"))
        monkeypatch.setattr("workers.dispatch.settler.park", lost)
        with pytest.raises(psycopg.OperationalError):
            settler.run_once()
        monkeypatch.undo()

        with structlog.testing.capture_logs() as logs:
            settler.run_once()

        assert "run.token_mismatch" not in {each["event"] for each in logs}
        assert one(connection, "SELECT count(*) FROM inflight WHERE state = 'waiting'") == 2
        assert settler.empty


def test_a_locked_tally_keeps_no_outcome_from_being_written(
    database: str, harness: Harness, settler: Settler
) -> None:
    with connect(database) as connection, connect(database) as other:
        hold_some(connection, harness, 1)
        settler.run_once()
        hold_some(connection, harness, 1)
        harness.clock.now += 10.0
        with other.transaction():
            other.execute("SELECT FROM tally FOR UPDATE")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                settler.run_once()
            assert one(connection, "SELECT count(*) FROM run") == 2
            settler.run_once()

        harness.clock.now += 10.0
        settler.run_once()
        assert one(connection, "SELECT total FROM tally WHERE name = 'run'") == 2


def test_an_end_waits_for_no_lock_for_long(
    database: str, harness: Harness, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each pause takes so long by the clock of the test.
    monkeypatch.setattr(time, "sleep", harness.step)
    with connect(database) as connection, connect(database) as other, other.transaction():
        (locked,) = hold_some(connection, harness, 1)
        other.execute("SELECT FROM due WHERE job_id = %s FOR UPDATE", (locked.run.job_id,))
        with structlog.testing.capture_logs() as logs:
            settler.flush()

    assert [(each["event"], each["runs"]) for each in logs] == [("runs.unsettled", 1)]
