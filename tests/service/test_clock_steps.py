"""The database's clock was set back by an hour: what is stored lies ahead, and nothing fails.

Rows are moved ahead instead of the clock back: the statements cannot tell the two apart.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.domain.account import Caller
from app.domain.job import Booking, ReadOnlyMembers
from app.domain.one_time import At
from app.domain.run import RunState
from app.domain.trigger import to_document
from app.errors import Conflict, Unauthenticated
from app.service import accounts, jobs, keys, manual_calls, runs
from app.service.context import Context
from app.store.parking import park, unpark
from app.store.settling import settle
from app.store.takes import Taken
from tests.factories import book, claim_and_take, one
from tests.store.test_parking import HERE, back
from tests.store.test_settling import settlement_of

COMPARING = """
SELECT conrelid::regclass || '.' || conname FROM pg_constraint c
WHERE contype = 'c' AND coninhcount = 0 AND 1 < (
  SELECT count(*) FROM pg_attribute a
  WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
    AND a.atttypid = 'timestamptz'::regtype)
ORDER BY 1
"""


def moved_ahead(connection: psycopg.Connection, account_id: int) -> Taken:
    """A run that is held by a worker, and was due an hour after what the clock says now."""
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    hour = timedelta(hours=1)
    connection.execute(
        "UPDATE inflight SET due_at = due_at + %(hour)s, send_at = send_at + %(hour)s,"
        " look_at = look_at + %(hour)s, lease_until = lease_until + %(hour)s",
        {"hour": hour},
    )
    connection.execute("UPDATE job SET created_at = created_at + %s", (hour,))
    return run._replace(due_at=run.due_at + hour, send_at=run.send_at + hour)


def test_only_checks_that_every_statement_keeps_compare_two_readings_of_the_clock(
    connection: psycopg.Connection,
) -> None:
    # A check that a set-back clock can break makes an operation impossible for as long. A new one
    # belongs here only with a test of each statement that writes one of its columns.
    assert [row[0] for row in connection.execute(COMPARING)] == [
        # The first two, and the one of the outbox, look only at whether they are set.
        "account.account_deleted_is_suspended",
        "due.due_held_back_once",
        "inflight.inflight_check",
        "inflight.inflight_given_back_was_planned",
        "outbox.outbox_waits_or_is_over",
        # Each statement that writes an end takes it and the beginning from one reading, or keeps
        # the end within the beginning's bound: tests/workers/test_set_back.py.
        "user_link.user_link_ends",
        "web_session.web_session_ends",
    ]


def test_a_key_that_was_made_an_hour_from_now_is_revoked_at_once(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    text = keys.create(context, "demo", "of the future")
    connection.execute("UPDATE api_key SET created_at = created_at + interval '1 hour'")
    assert accounts.authenticate(context, text, account=None).account == caller.account

    keys.revoke(context, text[3:13])

    with pytest.raises(Unauthenticated):
        accounts.authenticate(context, text, account=None)
    assert one(
        connection, "SELECT revoked_at <= clock_timestamp() FROM api_key WHERE id = %s", text[3:13]
    )


def test_secrets_of_the_future_are_rotated_and_end(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    accounts.rotate_secret(context, "demo", overlap=timedelta(hours=1))
    connection.execute(
        "UPDATE signing_secret SET created_at = created_at + interval '1 hour',"
        " expires_at = expires_at + interval '1 hour'"
    )

    rotated = accounts.rotate_secret(context, "demo", overlap=timedelta(0))

    assert accounts.list_secrets(context, "demo") == rotated[:1]


@pytest.mark.parametrize("state", [None, RunState.FAILED])
def test_a_run_that_is_due_an_hour_from_now_is_settled(
    caller: Caller, connection: psycopg.Connection, state: RunState | None
) -> None:
    run = moved_ahead(connection, caller.account.id)

    assert settle(connection, [settlement_of(run, state, 500)]) == {run.id}

    left = one(connection, "SELECT send_at = due_at FROM inflight")
    assert left is (True if state is None else None)


def test_a_run_that_is_due_an_hour_from_now_is_parked_and_unparked(
    caller: Caller, connection: psycopg.Connection
) -> None:
    run = moved_ahead(connection, caller.account.id)

    assert park(connection, [back(run)]) == ({run.id}, set())
    called = unpark(connection, [((caller.account.id, HERE), 1)])

    assert [ticket[0] for tickets in called.values() for ticket in tickets] == [run.id]
    assert one(connection, "SELECT send_at = planned_at FROM inflight") is True


def test_a_run_of_the_future_is_sent_again(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    run = moved_ahead(connection, caller.account.id)
    settle(connection, [settlement_of(run, RunState.FAILED, 500)])
    connection.execute("UPDATE run SET settled_at = settled_at + interval '1 hour'")

    assert runs.redeliver(context, caller, run.id).id == run.id

    assert one(connection, "SELECT send_at = due_at FROM inflight WHERE id = %s", run.id) is True


@pytest.mark.parametrize("state", [None, RunState.SUCCEEDED])
def test_a_one_time_firing_of_the_future_is_not_made_again_by_a_change(
    context: Context, caller: Caller, connection: psycopg.Connection, state: RunState | None
) -> None:
    run = moved_ahead(connection, caller.account.id)
    if state is not None:
        # Its end finds a call by hand, so that the job does not end with it.
        manual_calls.call_now(context, caller, run.job_id)
    settle(connection, [settlement_of(run, state, 500 if state is None else 204)])
    trigger = At(instant=run.due_at)
    connection.execute("UPDATE job SET trigger = %s", (Jsonb(to_document(trigger)),))
    changed = Booking(url="http://127.0.0.1/changed", trigger=trigger)

    with pytest.raises(Conflict, match="was already made"):
        jobs.update(context, caller, run.job_id, changed, ReadOnlyMembers())

    assert one(connection, "SELECT next_at FROM due") is None
    later = replace(changed, trigger=At(instant=run.due_at + timedelta(hours=1)))
    updated = jobs.update(context, caller, run.job_id, later, ReadOnlyMembers())
    assert updated.next_at == run.due_at + timedelta(hours=1)
