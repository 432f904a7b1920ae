"""Suspects in the database: their groups, halved by each death, and the one process that tries."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from app.domain.run import RunState
from app.domain.timings.leases import DEAD_AFTER, SUSPECT_AFTER
from app.store.quarantine import is_at_work, keep_lock, lock, set_group_size, suspects
from app.store.rescue import CheckResult
from app.store.settling import settle
from app.store.takes import Ticket, take
from tests.factories import book, claim_all, claim_and_take, in_seconds, one
from tests.store.test_rescue import check_all, let_leases_run_out
from tests.store.test_settling import settlement_of


def suspected(connection: psycopg.Connection, account_id: int, number: int) -> list[Ticket]:
    """So many runs that wait to be tried."""
    for _ in range(number):
        book(connection, account_id, due_in=-1)
    claimed = claim_all(connection)
    connection.execute("UPDATE inflight SET reclaims = %s", (SUSPECT_AFTER,))
    return [(each.run_id, each.token) for each in claimed]


def die(connection: psycopg.Connection, tickets: list[Ticket]) -> CheckResult:
    """Have these tried together by a process that dies of it."""
    free = set_group_size(connection, tickets, len(tickets))
    assert len(take(connection, [each for each in tickets if each[0] in free])) == len(tickets)
    let_leases_run_out(connection)
    return check_all(connection)


def test_each_death_of_a_group_halves_the_next_one(
    connection: psycopg.Connection, account_id: int
) -> None:
    tickets = suspected(connection, account_id, 5)
    assert suspects(connection, limit=9) == [(each, None) for each in tickets]

    checked = die(connection, tickets)

    assert checked.reclaimed == 5
    assert {each.reclaims for each in checked.to_notify} == {SUSPECT_AFTER}
    again = suspects(connection, limit=9)
    assert {size for _, size in again} == {2}
    assert {token for (_, token), _ in again} == {tickets[0][1] + 2}


def test_only_who_dies_alone_is_dead_at_last(
    connection: psycopg.Connection, account_id: int
) -> None:
    suspected(connection, account_id, 2)

    assert die(connection, [ticket for ticket, _ in suspects(connection, limit=9)]).ended == []
    connection.execute("UPDATE inflight SET reclaims = %s", (DEAD_AFTER,))
    first, second = (ticket for ticket, _ in suspects(connection, limit=9))
    (ended,) = die(connection, [first]).ended

    assert (ended.id, ended.state) == (first[0], RunState.DEAD)
    settle(connection, [ended])
    assert [ticket for ticket, _ in suspects(connection, limit=9)] == [second]


def test_a_scheduler_that_knows_no_groups_buries_nobody_who_was_tried_with_others(
    connection: psycopg.Connection, account_id: int
) -> None:
    suspected(connection, account_id, 2)
    for number in range(DEAD_AFTER + 1):
        tickets = [ticket for ticket, _ in suspects(connection, limit=9)]
        assert len(set_group_size(connection, tickets, 2)) == 2
        assert len(take(connection, tickets)) == 2
        reclaims = one(connection, "SELECT max(reclaims) FROM inflight")
        assert reclaims == SUSPECT_AFTER, f"after {number} deaths"
        # As the release before this one wrote when a lease had run out.
        connection.execute(
            "UPDATE inflight SET state = 'claimed', lease_until = NULL, token = token + 1,"
            " reclaims = reclaims + 1"
        )

    # Who is alone is held responsible.
    first = suspects(connection, limit=9)[0][0]
    set_group_size(connection, [first], 1)
    assert one(connection, "SELECT reclaims FROM inflight WHERE id = %s", first[0]) == (
        SUSPECT_AFTER + 1
    )


def test_who_is_locked_elsewhere_is_not_to_be_taken(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    first, second = suspected(connection, account_id, 2)
    with other.transaction():
        other.execute("SELECT FROM inflight WHERE id = %s FOR UPDATE", (first[0],))

        assert set_group_size(connection, [first, second], 2) == {second[0]}
    assert set_group_size(connection, [(second[0], second[1] + 1)], 2) == set()


def test_a_run_that_is_not_a_suspect_any_more_begins_again(
    connection: psycopg.Connection, account_id: int
) -> None:
    (ticket,) = suspected(connection, account_id, 1)
    set_group_size(connection, [ticket], 1)
    connection.execute("UPDATE inflight SET reclaims = 1")
    take(connection, [ticket])
    let_leases_run_out(connection)
    check_all(connection)

    assert [size for _, size in suspects(connection, limit=9)] == [None]


def test_a_suspect_that_nobody_took_stays_in_its_group(
    connection: psycopg.Connection, account_id: int
) -> None:
    (ticket,) = suspected(connection, account_id, 1)
    set_group_size(connection, [ticket], 4)

    (again,) = check_all(connection).to_notify

    assert again.reclaims == SUSPECT_AFTER
    assert suspects(connection, limit=9) == [(ticket, 4)]


@pytest.mark.parametrize("later", [False, True])
def test_whose_attempt_was_settled_is_not_a_suspect_any_more(
    connection: psycopg.Connection, account_id: int, *, later: bool
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET reclaims = %s", (SUSPECT_AFTER,))
    outcome = settlement_of(run, None, 500)
    if later:
        outcome = outcome._replace(retry_at=None, within=60, complete_by=in_seconds(60))

    settle(connection, [outcome])

    assert one(connection, "SELECT reclaims FROM inflight") == 0


def test_one_process_at_a_time_tries_suspects_until_its_session_ends(
    database: str, connection: psycopg.Connection
) -> None:
    with (
        closing(psycopg.connect(database, autocommit=True)) as holder,
        closing(psycopg.connect(database, autocommit=True)) as second,
    ):
        assert not is_at_work(connection)
        assert lock(holder)
        assert keep_lock(holder)
        assert is_at_work(connection)
        assert not lock(second)
        assert not keep_lock(second)
        pid = holder.info.backend_pid
        assert one(connection, "SELECT pg_terminate_backend(%s, 10000)", pid)

        assert not is_at_work(connection)
        second.rollback()
        assert lock(second)


def test_the_lock_holds_back_no_snapshot(database: str, connection: psycopg.Connection) -> None:
    with closing(psycopg.connect(database, autocommit=True)) as holder:
        lock(holder)
        query = "SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE pid = %s"
        assert one(connection, query, holder.info.backend_pid)
