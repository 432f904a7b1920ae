"""Failures: what a tab learns of runs that failed since a person last looked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from flask import Flask

from app.store import recent_failures
from tests.console.people import SignedIn, browser_of

FAILED = """
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts,
                 settled_at)
SELECT gen_random_uuid(), gen_random_uuid(), id, 1, 'scheduled', %(now)s - interval '1 h', 0,
       %(state)s, 1, %(now)s
FROM account, generate_series(1, %(number)s) WHERE name = %(account)s
"""


def fail(
    connection: psycopg.Connection, account: str, number: int, state: str = "failed"
) -> datetime:
    now = datetime.now(UTC)
    given = {"now": now, "state": state, "number": number, "account": account}
    connection.execute(FAILED, given)
    return now


def count(person: SignedIn, since: datetime) -> int:
    answer = person.client.get(f"/console/failures?since={quote(since.isoformat())}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    found: int = answer.get_json()["failed"]
    return found


def test_failed_and_dead_runs_of_the_account_are_counted_from_an_instant_on(
    signed_in: SignedIn, other_user: SignedIn, connection: psycopg.Connection
) -> None:
    now = fail(connection, "demo", 2)
    fail(connection, "demo", 1, "dead")
    fail(connection, "demo", 4, "succeeded")
    fail(connection, "demo", 4, "cancelled")
    fail(connection, "other", 5)
    assert count(signed_in, now - timedelta(seconds=1)) == 3
    assert count(signed_in, datetime.now(UTC)) == 0
    assert count(other_user, now - timedelta(seconds=1)) == 5


def test_many_tabs_cost_one_query(
    signed_in: SignedIn, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(connection, "demo", recent_failures.MAX_READ + 20)
    asked: list[Any] = []
    read = recent_failures.ended

    def ended(*given: Any) -> Any:
        asked.append(given)
        return read(*given)

    monkeypatch.setattr(recent_failures, "ended", ended)
    since = datetime.now(UTC) - timedelta(minutes=1)
    assert {count(signed_in, since) for _ in range(5)} == {recent_failures.MAX_READ}
    assert len(asked) == 1


@pytest.mark.parametrize("since", ["", "yesterday", "2026-11-22", "9999-12-31T23:59:59-23:59"])
def test_what_is_not_an_instant_is_refused(signed_in: SignedIn, since: str) -> None:
    answer = signed_in.client.get(f"/console/failures?since={quote(since)}")
    assert answer.status_code == 400


def test_nobody_else_learns_anything(app: Flask) -> None:
    since = "2026-11-22T00:00:00Z"
    assert browser_of(app).get(f"/console/failures?since={since}").status_code == 303
