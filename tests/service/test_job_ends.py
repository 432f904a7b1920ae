"""A job ends when nothing of it is left, whichever run or version ends last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.job import ReadOnlyMembers
from app.domain.misfire import Misfire
from app.domain.one_time import At
from app.domain.run import RunState
from app.errors import NotFound
from app.service import jobs, runs
from app.service.context import Context
from app.store import job_ends
from app.store.claims import claim
from app.store.job_ends import end_finished
from app.store.orphans import rearm_orphans
from app.store.settling import settle, write
from app.store.takes import Taken
from tests.factories import book, claim_and_take, connect, in_seconds, one
from tests.service.test_jobs import booking
from tests.store.test_settling import settlement_of

OVER = f"0 0 0 1 1 ? {datetime.now(UTC).year - 1}"
"""A schedule of which nothing is to come."""


def once(seconds: float) -> At:
    return At(instant=in_seconds(seconds))


def take_again(connection: psycopg.Connection, run: Taken) -> Taken:
    """A run that waits for its retry, taken for it."""
    connection.execute(
        "UPDATE inflight SET state = 'claimed', send_at = due_at WHERE id = %s", (run.id,)
    )
    row = connection.execute(
        "UPDATE inflight SET state = 'taken', token = token + 1,"
        " lease_until = clock_timestamp() + interval '1 min' WHERE id = %s RETURNING token",
        (run.id,),
    ).fetchone()
    assert row is not None
    return run._replace(token=row[0], attempts=1)


def two_versions(
    context: Context, connection: psycopg.Connection, caller: Caller
) -> tuple[UUID, Taken, Taken]:
    """A job whose first version is being retried, while the call of its second is made."""
    named = replace(booking(once(5)), name="once")
    job = jobs.create(context, caller, named)
    (old,) = claim_and_take(connection, ahead=10)
    # As good as due: an update leaves such a firing to its own version.
    connection.execute("UPDATE inflight SET due_at = clock_timestamp(), send_at = due_at")
    settle(connection, [settlement_of(old, None, 500)])
    jobs.update(context, caller, job.id, replace(named, trigger=once(5)), ReadOnlyMembers())
    (new,) = claim_and_take(connection, ahead=10)
    assert (old.job_version, new.job_version) == (1, 2)
    return job.id, take_again(connection, old), new


def nothing_to_repair(connection: psycopg.Connection) -> bool:
    connection.execute("UPDATE job SET updated_at = clock_timestamp() - interval '1 hour'")
    return rearm_orphans(connection, limit=10, unreadable=lambda *_: None) == (0, 0)


@pytest.mark.parametrize(
    "end",
    [(RunState.SUCCEEDED, 204), (RunState.FAILED, 500), (RunState.FAILED, 410)],
    ids=["succeeded", "failed", "gone"],
)
def test_a_job_ends_though_a_run_of_an_older_version_ends_last(
    context: Context, caller: Caller, connection: psycopg.Connection, end: tuple[RunState, int]
) -> None:
    job_id, old, new = two_versions(context, connection, caller)

    settle(connection, [settlement_of(new)])
    assert jobs.get(context, caller, job_id).version == 2, "a run of it is still to be retried"
    settle(connection, [settlement_of(old, *end)])

    with pytest.raises(NotFound):
        jobs.get(context, caller, job_id)
    assert jobs.create(context, caller, replace(booking(once(60)), name="once")).version == 1
    assert nothing_to_repair(connection)


def test_a_run_that_failed_can_be_sent_again_though_an_older_one_ended_the_job(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    _, old, new = two_versions(context, connection, caller)

    settle(connection, [settlement_of(new, RunState.FAILED, 500)])
    settle(connection, [settlement_of(old)])

    assert one(connection, "SELECT count(*) FROM job") == 0
    runs.redeliver(context, caller, new.id)
    assert one(connection, "SELECT id FROM inflight") == new.id


def test_a_job_with_a_run_of_its_newest_version_still_to_come_goes_on(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id, old, new = two_versions(context, connection, caller)

    settle(connection, [settlement_of(old)])
    assert jobs.get(context, caller, job_id).version == 2

    settle(connection, [settlement_of(new)])
    assert one(connection, "SELECT count(*) FROM job") == 0


def last_two(connection: psycopg.Connection, account_id: int) -> tuple[Taken, Taken]:
    """The last run of a schedule with an end, and the one before it, which is being retried."""
    book(connection, account_id, due_in=-1, cron="0 0/15 * * * ?")
    (earlier,) = claim_and_take(connection)
    settle(connection, [settlement_of(earlier, None, 500)])
    connection.execute(
        "UPDATE job SET trigger = jsonb_set(trigger, '{expression}', to_jsonb(%s::text))", (OVER,)
    )
    connection.execute("UPDATE due SET next_at = clock_timestamp()")
    (last,) = claim_and_take(connection)
    assert (earlier.ends_job, last.ends_job) == (False, True)
    return take_again(connection, earlier), last


def test_a_schedule_with_an_end_ends_though_an_earlier_run_ends_last(
    caller: Caller, connection: psycopg.Connection
) -> None:
    earlier, last = last_two(connection, caller.account.id)

    settle(connection, [settlement_of(last)])
    assert one(connection, "SELECT count(*) FROM job") == 1
    settle(connection, [settlement_of(earlier)])

    assert one(connection, "SELECT count(*) FROM job") == 0
    assert nothing_to_repair(connection)


def test_of_two_runs_that_end_at_once_the_last_ends_the_job(
    caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    earlier, last = last_two(connection, caller.account.id)

    with connect(database) as other:
        with other.transaction():
            written = write(other, [settlement_of(earlier)])
            settle(connection, [settlement_of(last)])
            assert one(connection, "SELECT count(*) FROM job") == 1, (
                "does not know of the other's end"
            )
        end_finished(other, written.may_end)

    assert one(connection, "SELECT count(*) FROM job") == 0


def test_a_schedule_whose_last_firings_are_left_out_ends_with_its_last_run(
    caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    book(
        connection, caller.account.id, due_in=-1, cron="0 0/15 * * * ?", misfire=Misfire(window=60)
    )
    (earlier,) = claim_and_take(connection)
    connection.execute(
        "UPDATE job SET trigger = jsonb_set(trigger, '{expression}', to_jsonb(%s::text))", (OVER,)
    )
    connection.execute("UPDATE due SET next_at = clock_timestamp() - interval '1 hour'")

    assert claim(connection, budget=9, ahead=0.3, unreadable=lambda *_: None).runs == []
    assert one(connection, "SELECT count(*) FROM job") == 1
    settle(connection, [settlement_of(earlier)])

    assert one(connection, "SELECT count(*) FROM job") == 0
    assert nothing_to_repair(connection)


def test_a_job_that_lost_its_next_firing_is_not_taken_for_one_that_is_over(
    caller: Caller, connection: psycopg.Connection
) -> None:
    book(connection, caller.account.id, due_in=-1, cron="0 0/15 * * * ?")
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE due SET next_at = NULL")

    settle(connection, [settlement_of(run)])

    assert one(connection, "SELECT count(*) FROM job") == 1
    connection.execute("UPDATE job SET updated_at = clock_timestamp() - interval '1 hour'")
    assert rearm_orphans(connection, limit=10, unreadable=lambda *_: None) == (1, 0)


def test_a_job_whose_trigger_cannot_be_read_does_not_end_with_its_run(
    caller: Caller, connection: psycopg.Connection
) -> None:
    book(connection, caller.account.id, due_in=-1, cron="0 0/15 * * * ?")
    connection.execute("""UPDATE job SET trigger = '{"kind": "cron", "expression": "no"}'""")
    claim(connection, budget=9, ahead=0.3, unreadable=lambda *_: None)
    connection.execute(
        "UPDATE inflight SET cancelled_at = clock_timestamp(), withdrawal_known = true"
    )
    job_id = one(connection, "SELECT id FROM job")

    end_finished(connection, [job_id])

    assert one(connection, "SELECT count(*) FROM job") == 1


def test_a_row_locked_elsewhere_keeps_nobody_waiting(
    caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    earlier, last = last_two(connection, caller.account.id)
    settle(connection, [settlement_of(last)])

    with connect(database) as other, other.transaction():
        other.execute("SELECT FROM due FOR UPDATE")
        assert settle(connection, [settlement_of(earlier)]) == {earlier.id}

    assert one(connection, "SELECT count(*) FROM job") == 1
    connection.execute("UPDATE job SET updated_at = clock_timestamp() - interval '1 hour'")
    assert rearm_orphans(connection, limit=10, unreadable=lambda *_: None) == (0, 1)


def test_however_many_jobs_end_together_a_bounded_part_of_their_history_is_read(
    connection: psycopg.Connection, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_ends, "MAX_RUNS_READ_TOGETHER", 100)
    ids = [book(connection, caller.account.id, due_in=-1) for _ in range(20)]
    settle(connection, [settlement_of(run, None, 500) for run in claim_and_take(connection)])
    connection.execute("DELETE FROM inflight")
    connection.execute(
        "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, state, attempts,"
        " missed, settled_at) SELECT gen_random_uuid(), id, account_id, 1, 'scheduled',"
        " now() - make_interval(secs => n),"
        " CASE WHEN n = 3 THEN 'failed' ELSE 'succeeded' END, 1, 0, now()"
        " FROM job, generate_series(1, 50) AS n"
    )
    connection.execute("ANALYZE run")

    with connection.transaction():
        found = job_ends.finished(connection, ids)
        read = one(
            connection,
            "SELECT sum(idx_tup_fetch + seq_tup_read) FROM pg_stat_xact_user_tables"
            " WHERE relname LIKE 'run\\_%%'",
        )

    assert sorted(each.job_id for each in found) == sorted(ids)
    assert all(each.keeps_content for each in found)
    assert read <= 200
    assert not job_ends._finished(connection, ids, runs_read=2)[0].keeps_content
