"""The settler at its end."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from app.domain.flow import Cause
from app.domain.run import Reply, RunKind, RunState, Timing
from app.store.parking import Release
from tests.booked import add_account, book, claim_and_take, connect, one
from tests.workers.stage import SECRET, Stage
from workers.held import hold
from workers.link import Link
from workers.settler import Settler


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.loop.close()


def test_an_end_without_a_database_is_an_end_all_the_same(stage: Stage) -> None:
    stage.hold(0.0)
    stage.engine.answer(Reply(status=204))
    settler = Settler(Link("postgresql://127.0.0.1:1/nowhere", "settler"), stage.courier, "test")

    settler.flush()

    assert not settler.empty


def test_outcomes_gather_for_the_pause_unless_there_are_enough_for_a_batch(
    database: str, stage: Stage
) -> None:
    held = stage.hold(60.0)
    outcomes = stage.courier.outcomes
    outcomes.extend([(held, held.came_to(RunState.SUCCEEDED))] * 2500)
    settler = Settler(Link(database, "settler"), stage.courier, "test", clock=stage.clock)

    settler.once()
    assert len(outcomes) == 1500
    assert settler.pause == 0.0
    settler.once()
    assert len(outcomes) == 500
    assert settler.pause == pytest.approx(0.05)
    settler.flush()


def test_an_orderly_end_writes_all_there_is(database: str, stage: Stage) -> None:
    held = stage.hold(60.0)
    stage.courier.outcomes.extend([(held, held.came_to(RunState.SUCCEEDED))] * 2500)
    settler = Settler(Link(database, "settler"), stage.courier, "test", clock=stage.clock)

    settler.flush()

    assert settler.empty


def test_runs_given_back_are_written_counted_and_let_go(database: str, stage: Stage) -> None:
    with connect(database) as connection:
        account = add_account(connection)
        for _ in range(2):
            book(connection, account, due_in=-1)
        runs = claim_and_take(connection)
        held = [
            hold(run, (SECRET,), asked=stage.clock.now, answered=stage.clock.now) for run in runs
        ]
        stage.courier.accept(held)
        # The other was reclaimed meanwhile.
        connection.execute("UPDATE inflight SET token = token + 1 WHERE id = %s", (runs[1].id,))
        for each in held:
            back = Release(each.run.id, each.run.token, "http://x:80", 60, Cause.DOWN, "down")
            stage.courier.destinations.releases.append((each, back))
        settler = Settler(Link(database, "settler"), stage.courier, "test", clock=stage.clock)

        settler.flush()

        assert settler.empty
        assert stage.courier.held == set()
        waiting = "SELECT array_agg(id) FROM inflight WHERE state = 'waiting'"
        assert one(connection, waiting) == [runs[0].id]
        counted = "SELECT label, total FROM tally WHERE name = 'given_back'"
        assert connection.execute(counted).fetchall() == [("down", 1)]


def test_the_line_of_an_attempt_tells_of_run_call_and_outcome(
    database: str, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(database) as connection:
        book(connection, add_account(connection), due_in=-1)
        (run,) = claim_and_take(connection)
        held = hold(run, (SECRET,), asked=stage.clock.now, answered=stage.clock.now)
        stage.courier.accept([held])
        stage.step()
        stage.engine.answer(Reply(status=503, timing=Timing(first_byte=1.5, total=2.0)))
        _, settlement = stage.courier.outcomes[0]
        attempt = settlement.attempt
        assert attempt is not None
        Settler(Link(database, "settler"), stage.courier, "test", clock=stage.clock).flush()

    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
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
    database: str, stage: Stage
) -> None:
    with connect(database) as connection:
        account = add_account(connection)
        for _ in range(2):
            book(connection, account, due_in=-1)
        scheduled, by_hand = claim_and_take(connection)
        for run in (scheduled, by_hand._replace(kind=RunKind.MANUAL)):
            held = hold(run, (SECRET,), asked=stage.clock.now, answered=stage.clock.now)
            stage.courier.accept([held])
            stage.step()
            stage.engine.answer(Reply(status=204))
        settler = Settler(Link(database, "settler"), stage.courier, "test", clock=stage.clock)

        settler.flush()

        assert one(connection, "SELECT total FROM tally WHERE name = 'run'") == 2
        assert one(connection, "SELECT sum(total) FROM tally WHERE name = 'lateness'") == 1
