"""Events: made with the settlement they tell of, and of nothing else."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest

from app.domain.run import RunKind, RunState
from app.store.rescue import check
from app.store.settling import Settlement, settle
from app.store.single_settling import settle_singly_if_needed
from app.store.takes import Taken, take
from tests.factories import book, claim_and_take, one
from tests.store.test_completions import DUE, later
from tests.store.test_settling import settlement_of

DONE, LOST = "http://127.0.0.1:2/done", "http://127.0.0.1:2/lost"
EVENTS = "SELECT count(*) FROM inflight WHERE kind = 'event'"


def asking(
    connection: psycopg.Connection,
    account_id: int,
    *,
    on_success: str | None = None,
    on_failure: str | None = None,
    cron: str | None = None,
) -> UUID:
    """Book a job that was due a second ago and wants events of these ends."""
    job_id = book(connection, account_id, due_in=-1, cron=cron)
    connection.execute(
        "UPDATE job SET on_success = %s, on_failure = %s, name = id::text WHERE id = %s",
        (on_success, on_failure, job_id),
    )
    return job_id


def reporting_settlement(
    run: Taken, state: RunState = RunState.SUCCEEDED, status: int = 204
) -> Settlement:
    return settlement_of(run, state, status)._replace(may_notify=True)


def take_event(connection: psycopg.Connection) -> Taken:
    """The one event there is, taken as the scheduler rang for it."""
    to_notify = check(connection, limit=10, leases_count=True).to_notify
    (taken,) = take(connection, [(each.run_id, each.token) for each in to_notify])
    assert taken.kind == RunKind.EVENT
    return taken


def payload(event: Taken) -> dict[str, Any]:
    assert event.data is not None
    found: dict[str, Any] = orjson.loads(event.data)
    return found


@pytest.mark.parametrize(
    ("state", "status", "url", "type_"),
    [
        (RunState.SUCCEEDED, 204, DONE, "run.succeeded"),
        (RunState.FAILED, 500, LOST, "run.failed"),
        (RunState.FAILED, 410, LOST, "run.failed"),
        (RunState.DEAD, 500, LOST, "run.failed"),
    ],
)
@pytest.mark.parametrize("cron", [None, "0 0/15 * * * ?"])
def test_a_settled_run_makes_an_event_though_its_job_is_purged(
    connection: psycopg.Connection,
    account_id: int,
    state: RunState,
    status: int,
    url: str,
    type_: str,
    cron: str | None,
) -> None:
    job_id = asking(connection, account_id, on_success=DONE, on_failure=LOST, cron=cron)
    (run,) = claim_and_take(connection)
    assert (run.notify_on_success, run.notify_on_failure) == (True, True)

    settle(connection, [reporting_settlement(run, state, status)])

    assert one(connection, "SELECT count(*) FROM job") == (cron is not None and status != 410)
    event = take_event(connection)
    assert (event.url, event.content_type, event.account_id) == (
        url,
        "application/json",
        account_id,
    )
    assert (event.job_id, event.job_version, event.ends_job) == (run.id, run.token, False)
    assert (event.call_options, event.notify_on_success, event.notify_on_failure) == (
        None,
        False,
        False,
    )
    sent = payload(event)
    assert sent["type"] == type_
    assert {name: sent["data"][name] for name in ("job", "run", "name", "state", "attempts")} == {
        "job": str(job_id),
        "run": str(run.id),
        "name": str(job_id),
        "state": state,
        "attempts": 1,
    }
    assert sent["data"]["status"] == status
    # It settles as any run, and makes no event itself.
    settle(connection, [reporting_settlement(event, RunState.FAILED, 500)])
    assert one(connection, "SELECT count(*) FROM inflight") == 0
    assert one(connection, "SELECT state FROM run WHERE kind = 'event'") == "failed"


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED])
def test_a_job_that_asks_for_the_other_end_gets_no_event(
    connection: psycopg.Connection, account_id: int, state: RunState
) -> None:
    if state is RunState.SUCCEEDED:
        asking(connection, account_id, on_failure=LOST)
    else:
        asking(connection, account_id, on_success=DONE)
    book(connection, account_id, due_in=-1)

    settle(connection, [reporting_settlement(run, state) for run in claim_and_take(connection)])

    assert one(connection, EVENTS) == 0
    assert one(connection, "SELECT count(*) FROM run") == 2


def test_a_cancelled_run_makes_no_event(connection: psycopg.Connection, account_id: int) -> None:
    asking(connection, account_id, on_success=DONE, on_failure=LOST)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp()")

    settle(connection, [reporting_settlement(run, RunState.CANCELLED)])

    assert one(connection, "SELECT state FROM run") == "cancelled"
    assert one(connection, EVENTS) == 0


def test_only_a_settlement_that_is_written_makes_an_event_and_only_once(
    connection: psycopg.Connection, account_id: int
) -> None:
    asking(connection, account_id, cron="0 0/15 * * * ?", on_success=DONE)
    (run,) = claim_and_take(connection)

    settle(connection, [reporting_settlement(run)._replace(token=run.token - 1)])
    assert one(connection, EVENTS) == 0
    for _ in range(2):
        settle(connection, [reporting_settlement(run)])
    assert one(connection, EVENTS) == 1


def test_the_url_is_that_of_the_version_that_ran(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = asking(connection, account_id, cron="0 0/15 * * * ?", on_success=DONE)
    (run,) = claim_and_take(connection)
    connection.execute(
        "INSERT INTO superseded (job_id, version, url, on_success) VALUES (%s, 1, 'x', %s)",
        (job_id, DONE),
    )
    connection.execute("UPDATE job SET version = 2, on_success = 'http://other/', on_failure = 'y'")

    settle(connection, [reporting_settlement(run)])

    assert take_event(connection).url == DONE


def test_a_row_that_cannot_be_stored_prevents_no_other_event(
    connection: psycopg.Connection, account_id: int
) -> None:
    for _ in range(2):
        asking(connection, account_id, on_success=DONE)
    good, bad = (reporting_settlement(run) for run in claim_and_take(connection))
    assert bad.attempt is not None
    impossible = bad.attempt._replace(reply=bad.attempt.reply._replace(status=7))

    settled = settle_singly_if_needed(connection, [good, bad._replace(attempt=impossible)])

    assert [each.id for each in settled.done] == [good.id]
    assert one(connection, EVENTS) == 1


def test_a_deadline_that_passed_for_the_last_time_is_reported(
    connection: psycopg.Connection, account_id: int
) -> None:
    asking(connection, account_id, on_failure=LOST)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET attempts = 7")
    settle(connection, [later(run)])
    assert one(connection, EVENTS) == 0
    connection.execute(DUE)

    settle(connection, check(connection, limit=10, leases_count=True).ended)

    data = payload(take_event(connection))["data"]
    assert (data["state"], data["attempts"], data["status"]) == ("failed", 8, 202)
    assert data["reason"].startswith("The run was not completed by")


def test_a_dead_run_is_shown_without_an_answer(
    connection: psycopg.Connection, account_id: int
) -> None:
    asking(connection, account_id, on_failure=LOST)
    claim_and_take(connection)
    connection.execute(
        "UPDATE inflight SET reclaims = 5, lease_until = clock_timestamp() - interval '1 s',"
        " look_at = clock_timestamp()"
    )

    settle(connection, check(connection, limit=10, leases_count=True).ended)

    data = payload(take_event(connection))["data"]
    assert (data["state"], data["attempts"]) == ("dead", 0)
    assert "status" not in data
