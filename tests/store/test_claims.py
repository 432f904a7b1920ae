"""Claiming: once, in time, in the claiming transaction, fairly, and past bad rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest.mock import Mock
from uuid import RFC_4122, UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.domain.misfire import Misfire, MisfirePolicy
from app.store.claims import claim, claim_fairly, still_claimed
from app.store.takes import take
from tests.factories import (
    add_account,
    book,
    claim_all,
    claims_held,
    connect,
    in_seconds,
    in_thread,
    one,
    wait_until_blocked,
)

EVERY_TEN = "0 0/10 * * * ?"


def test_claims_what_is_due_within_the_look_ahead_and_nothing_else(
    connection: psycopg.Connection, account_id: int
) -> None:
    overdue = book(connection, account_id, due_in=-5)
    soon = book(connection, account_id, due_in=0.2)
    book(connection, account_id, due_in=60)

    claimed = claim_all(connection)

    rows = connection.execute("SELECT job_id FROM inflight WHERE state = 'claimed'").fetchall()
    assert {row[0] for row in rows} == {overdue, soon}
    assert sorted(each.ahead > 0 for each in claimed) == [False, True]


def test_nothing_is_claimed_that_is_due_later_than_what_the_clock_is_believed(
    connection: psycopg.Connection, account_id: int
) -> None:
    for n in range(30):
        book(connection, account_id, due_in=-3.0 + n / 100)
    until = in_seconds(-2.85)

    claim(connection, budget=100, ahead=0.3, unreadable=Mock(), until=until)
    claim_fairly(
        connection, share=100, ahead=0.3, lookback=10, skip=[], unreadable=Mock(), until=until
    )

    claimed = one(connection, "SELECT array_agg(due_at) FROM inflight")
    left = one(connection, "SELECT min(next_at) FROM due")
    assert max(claimed) <= until
    assert until - left < timedelta(seconds=0.21)


def test_the_id_of_a_run_is_of_version_7_and_of_its_instant(connection: psycopg.Connection) -> None:
    made = connection.execute(
        "SELECT new_run_id(), extract(epoch FROM clock_timestamp()) * 1000"
        " FROM generate_series(1, 1000)"
    ).fetchall()

    assert len({run_id for run_id, _ in made}) == 1000
    assert {(run_id.version, run_id.variant) for run_id, _ in made} == {(7, RFC_4122)}
    # Made before the clock is read, and rounded to a millisecond.
    assert all(made[0][1] - 1000 < run_id.int >> 80 <= now + 1 for run_id, now in made)


def test_two_claimers_claim_each_firing_once(
    connection: psycopg.Connection, other: psycopg.Connection, database: str, account_id: int
) -> None:
    for _ in range(5):
        book(connection, account_id, due_in=-1)
    with (
        connect(database) as holder,
        claims_held(holder) as release,
        in_thread(lambda: claim_all(connection, budget=3)) as finish_one,
        in_thread(lambda: claim_all(other, budget=3)) as finish_other,
    ):
        wait_until_blocked(holder, 2)
        release()
        claimed = [*finish_one(), *finish_other()]

    assert len({each.run_id for each in claimed}) == len(claimed) == 5
    assert claim_all(other) == []
    assert one(other, "SELECT count(*) FROM inflight") == 5


def test_a_crash_before_the_commit_leaves_the_firing_due(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    with claims_held(other) as release, in_thread(lambda: claim_all(connection)) as finish:
        wait_until_blocked(other)
        other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError):
            finish()
        release()

    assert len(claim_all(other)) == 1


def test_a_recurring_job_is_armed_again_strictly_after_due_and_now(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-1, cron="0 0/15 * * * ?")
    before = datetime.now(UTC)

    claim_all(connection)

    next_at = one(connection, "SELECT next_at FROM due WHERE job_id = %s", job_id)
    assert before < next_at <= before + timedelta(minutes=15, seconds=30)
    assert next_at.minute % 15 == 0
    assert one(connection, "SELECT final FROM inflight") is False


def test_a_job_in_a_zone_is_armed_again_by_its_clock(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-1, cron="0 0 12 * * ?")
    local = {"kind": "cron", "local": "0 0 12 * * ?", "timezone": "Asia/Kathmandu"}
    connection.execute("UPDATE job SET trigger = %s WHERE id = %s", (Jsonb(local), job_id))

    claim_all(connection)

    armed = one(connection, "SELECT next_at FROM due WHERE job_id = %s", job_id)
    assert (armed.hour, armed.minute) == (6, 15)


def test_firings_missed_in_an_outage_are_counted_on_the_one_that_fires(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=0, cron="0 0/10 * * * ?")
    now = datetime.now(UTC)
    due_at = now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)
    due_at -= timedelta(minutes=50)
    connection.execute("UPDATE due SET next_at = %s WHERE job_id = %s", (due_at, job_id))

    claim_all(connection)

    rows = connection.execute("SELECT due_at, missed FROM inflight").fetchall()
    assert rows == [(due_at, 5)]


OFTEN = "0 0/10 * * * ?"


def missed_since(
    connection: psycopg.Connection, account_id: int, minutes: int, misfire: Misfire
) -> tuple[UUID, list[datetime]]:
    """A job every ten minutes that nobody claimed so long, and all that was due meanwhile."""
    job_id = book(connection, account_id, due_in=0, cron=OFTEN, misfire=misfire)
    now = datetime.now(UTC)
    last = now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)
    dues = [last - timedelta(minutes=ago) for ago in range(minutes, -1, -10)]
    connection.execute("UPDATE due SET next_at = %s WHERE job_id = %s", (dues[0], job_id))
    return job_id, dues


def counted(connection: psycopg.Connection) -> dict[str, float]:
    rows = connection.execute("SELECT label, total FROM tally WHERE name = 'missed'")
    found: dict[str, float] = dict(rows.fetchall())
    return found


def test_of_all_each_claim_makes_the_oldest_until_none_is_left(
    connection: psycopg.Connection, account_id: int
) -> None:
    _, dues = missed_since(connection, account_id, 50, Misfire(policy=MisfirePolicy.ALL))

    for number in range(len(dues)):
        assert len(claim_all(connection)) == 1
        rows = connection.execute("SELECT due_at, missed, final FROM inflight ORDER BY due_at")
        assert rows.fetchall() == [(due, 0, False) for due in dues[: number + 1]]

    assert claim_all(connection) == []
    assert one(connection, "SELECT next_at FROM due") == dues[-1] + timedelta(minutes=10)
    assert counted(connection) == {}


def test_missed_firings_within_the_window_are_made_and_count_the_others(
    connection: psycopg.Connection, account_id: int
) -> None:
    misfire = Misfire(policy=MisfirePolicy.ALL, window=2400)
    _, dues = missed_since(connection, account_id, 50, misfire)
    while claim_all(connection):
        pass

    rows = connection.execute("SELECT due_at, missed FROM inflight ORDER BY due_at").fetchall()
    late = len(dues) - len(rows)
    assert late >= 1
    assert rows == [(dues[late], late), *((due, 0) for due in dues[late + 1 :])]
    assert counted(connection) == {"left-out": late}


def test_what_is_skipped_is_in_history_counted_and_not_made(
    connection: psycopg.Connection, account_id: int
) -> None:
    misfire = Misfire(policy=MisfirePolicy.SKIP, window=1)
    job_id, dues = missed_since(connection, account_id, 50, misfire)
    # In the first second of ten minutes the newest would not be too late yet.
    connection.execute("SELECT pg_sleep_until(%s)", (dues[-1] + timedelta(seconds=1.1),))

    assert claim_all(connection) == []
    assert one(connection, "SELECT count(*) FROM inflight") == 0
    assert one(connection, "SELECT next_at FROM due") == dues[-1] + timedelta(minutes=10)
    (row,) = connection.execute(
        "SELECT job_id, due_at, missed, state, attempts, reason FROM run"
    ).fetchall()
    assert row[:5] == (job_id, dues[0], len(dues) - 1, "cancelled", 0)
    assert "misfireWindow" in row[5]
    assert counted(connection) == {"left-out": len(dues)}
    assert one(connection, "SELECT total FROM tally WHERE name = 'run'") == 1


def test_firings_that_one_stands_for_are_counted(
    connection: psycopg.Connection, account_id: int
) -> None:
    _, dues = missed_since(connection, account_id, 50, Misfire())

    claim_all(connection)

    assert counted(connection) == {"joined": len(dues) - 1}


def test_a_schedule_of_which_nothing_is_left_but_what_is_too_late_ends_its_job(
    connection: psycopg.Connection, account_id: int
) -> None:
    year = datetime.now(UTC).year
    misfire = Misfire(policy=MisfirePolicy.SKIP)
    book(connection, account_id, due_in=-3600, cron=f"0 0 0 1 1 ? {year}", misfire=misfire)

    assert claim_all(connection) == []
    assert one(connection, "SELECT count(*) FROM job") == 0
    assert one(connection, "SELECT state FROM run") == "cancelled"


def test_a_one_time_job_fires_late_whatever_it_says_of_misfires(
    connection: psycopg.Connection, account_id: int
) -> None:
    misfire = Misfire(policy=MisfirePolicy.SKIP, window=1)
    book(connection, account_id, due_in=-3600, misfire=misfire)

    assert len(claim_all(connection)) == 1


def test_the_last_firing_of_a_schedule_is_final(
    connection: psycopg.Connection, account_id: int
) -> None:
    year = datetime.now(UTC).year
    job_id = book(connection, account_id, due_in=-1, cron=f"0 0 0 1 1 ? {year}")

    claim_all(connection)

    assert one(connection, "SELECT final FROM inflight") is True
    assert one(connection, "SELECT next_at FROM due WHERE job_id = %s", job_id) is None


def test_a_job_whose_trigger_cannot_be_read_fires_and_stops_nobody(
    connection: psycopg.Connection, account_id: int
) -> None:
    bad = book(connection, account_id, due_in=-2, cron="0 0/15 * * * ?")
    good = book(connection, account_id, due_in=-1)
    connection.execute(
        """UPDATE job SET trigger = '{"kind": "cron", "expression": "no"}' WHERE id = %s""", (bad,)
    )
    reported: list[UUID] = []

    claimed = claim(
        connection,
        budget=10,
        ahead=0.3,
        unreadable=lambda job_id, _error: reported.append(job_id),
    ).runs

    assert reported == [bad]
    assert len(claimed) == 2
    query = "SELECT job_id, final FROM inflight"
    finals: dict[UUID, bool] = dict(connection.execute(query).fetchall())
    assert finals == {bad: False, good: True}


def test_a_row_armed_twice_for_the_same_firing_adds_no_run_and_stops_nobody(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-2)
    claim_all(connection)
    due_at = one(connection, "SELECT due_at FROM inflight")
    connection.execute("UPDATE due SET next_at = %s WHERE job_id = %s", (due_at, job_id))
    book(connection, account_id, due_in=-1)

    claimed = claim_all(connection)

    assert len(claimed) == 1
    assert one(connection, "SELECT count(*) FROM inflight WHERE job_id = %s", job_id) == 1


def test_a_run_that_would_begin_before_it_is_due_cannot_be_stored(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=0.2)
    claim_all(connection)

    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("UPDATE inflight SET send_at = due_at - interval '1 ms'")


def test_a_taken_run_no_longer_counts_as_outstanding(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    book(connection, account_id, due_in=-1)
    first, second = claim_all(connection)

    take(connection, [(first.run_id, first.token)])

    assert still_claimed(connection, [first.run_id, second.run_id]) == {second.run_id}


def test_a_run_of_a_suspended_account_does_not_count_as_outstanding(
    connection: psycopg.Connection, account_id: int
) -> None:
    """Else a few of its runs would fill the budget of all until it is resumed."""
    book(connection, account_id, due_in=-1)
    theirs = book(connection, add_account(connection, "neighbour"), due_in=-1)
    ids = [each.run_id for each in claim_all(connection)]

    connection.execute("UPDATE account SET suspended_at = now() WHERE id = %s", (account_id,))

    still = one(connection, "SELECT id FROM inflight WHERE job_id = %s", theirs)
    assert still_claimed(connection, ids) == {still}


def test_a_claim_leaves_jobs_that_missed_much_to_the_next_ones(
    connection: psycopg.Connection, account_id: int
) -> None:
    """All at once, 500 of them took longer than a session may stand still in a transaction."""
    missed = {book(connection, account_id, due_in=-8 * 86400, cron=EVERY_TEN) for _ in range(12)}
    recent = {book(connection, account_id, due_in=-1, cron=EVERY_TEN) for _ in range(3)}
    recent.add(book(connection, account_id, due_in=-9 * 86400))

    made: list[set[UUID]] = []
    cut: list[bool] = []
    for _ in range(3):
        claims = claim(connection, budget=500, ahead=0.3, unreadable=Mock())
        cut.append(claims.is_cut)
        ids = [each.run_id for each in claims.runs]
        rows = connection.execute("SELECT job_id FROM inflight WHERE id = ANY (%s)", (ids,))
        made.append({row[0] for row in rows})

    assert cut == [True, True, False]
    assert [len(each & missed) for each in made] == [5, 5, 2]
    assert recent <= made[0], "who missed little does not wait"
    assert one(connection, "SELECT max(missed) FROM inflight") == 1000
