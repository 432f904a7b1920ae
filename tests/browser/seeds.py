"""Seeds: an account that has been in use for some days, for pages to show."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from flask import Flask
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from app.api.context import context_of
from app.domain.inbox import Answer, NewCall, Received, Signature
from app.domain.lateness import BOUNDS, bucket
from app.service import inboxes
from app.store import accounts, inbox_calls

RUNS: Final = 400
DEAD: Final = "The worker died twice while it made this call."
_HOSTS: Final = ("api.acme.example", "hooks.acme.example", "billing.acme.example")
_CRONS: Final = {
    "nightly-invoices": ("0 30 2 * * ?", "Europe/Berlin", "/invoices/nightly"),
    "weekly-report": ("0 0 8 ? * MON", "Europe/Berlin", "/reports/weekly"),
    "warm-cache": ("0 */10 * * * ?", "UTC", "/cache/warm"),
    "sync-inventory": ("0 15 * * * ?", "America/New_York", "/inventory/sync"),
    "close-books": ("0 0 0 1 * ?", "Europe/Berlin", "/books/close"),
    "trial-reminders": ("0 0 9 * * ?", "Asia/Kathmandu", "/trials/remind"),
    "rotate-logs": ("0 0 4 * * ?", "UTC", "/logs/rotate"),
}
_OUTCOMES: Final = (
    *[("succeeded", 204, None, None)] * 24,
    ("failed", 500, None, "The receiver answered 500, and no retry is left."),
    ("failed", None, "timeout", "The receiver did not answer within 30 s."),
    ("cancelled", None, None, "The job was changed before the call."),
    ("dead", None, None, DEAD),
)


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """Ids of what was stored, for the paths of pages about one thing."""

    job: str
    run: str
    failed_run: str
    inbox: str


def fill(app: Flask, connection: psycopg.Connection, account: str, key: str) -> Seeded:
    """Book jobs through the API as a client would, and write a history for them."""
    chance = random.Random(7)
    jobs = [_book(app, key, each) for each in _bookings()]
    runs = _history(connection, account, jobs[: len(_CRONS)], chance)
    _under_way(connection, account, jobs[: len(_CRONS)])
    _accuracy(connection, account, chance)
    failed = next(run for run, state in runs if state == "failed")
    done = next(run for run, state in runs if state == "succeeded")
    inbox = _inbox(app, account, done)
    return Seeded(job=jobs[0], run=str(done), failed_run=str(failed), inbox=inbox)


def _inbox(app: Flask, account: str, run: UUID) -> str:
    """An inbox with three calls: two that Wakecall signed, and one of somebody else."""
    context = context_of(app)
    with context.database.transaction() as opened:
        found = accounts.find_account(opened, account)
        assert found is not None
        inbox = inboxes.create(opened, found.id, label="orders")
    now = datetime.now(UTC)
    signed = Received(
        received_at=now - timedelta(minutes=3),
        method="POST",
        path="/orders/paid",
        query="shop=7",
        headers=(("content-type", "application/json"), ("wakecall-attempt", "1")),
        body=b'{"order": 4711, "amount": 12345678901234567890.10}',
        body_bytes=50,
        signature=Signature.VERIFIED,
        run_id=run,
        attempt=1,
        scheduled_for=now - timedelta(minutes=3, milliseconds=1.3),
    )
    stray = replace(signed, signature=Signature.MISSING, run_id=None, scheduled_for=None)
    calls = [
        NewCall(inbox_id=inbox.id, answer=answer, received=each)
        for answer, each in (
            (Answer.OK, replace(stray, method="GET", path="", query="", body=b"", body_bytes=0)),
            (Answer.ERROR, signed),
            (Answer.OK, replace(signed, attempt=2, received_at=now - timedelta(seconds=40))),
        )
    ]
    with context.database.session() as session, session.transaction():
        inbox_calls.store(session, calls)
    return str(inbox.id)


def _bookings() -> list[dict[str, Any]]:
    day = datetime.now(UTC).date()
    recurring = [
        {
            "name": name,
            "url": f"https://{_HOSTS[at % 3]}{path}",
            "cron": cron,
            "timezone": zone,
            "contentType": "application/json",
            "data": '{"account": "acme", "amount": 12345678901234567890.10}',
            "tags": ["billing" if at % 2 else "ops"],
        }
        for at, (name, (cron, zone, path)) in enumerate(_CRONS.items())
    ]
    once = [
        {
            "url": f"https://{_HOSTS[number % 3]}/orders/{4_100 + number}/expire",
            "when": f"{day + timedelta(days=1 + number)}T{8 + number % 9:02d}:30:00Z",
            "contentType": "application/json",
            "data": f'{{"order": {4_100 + number}}}',
        }
        for number in range(21)
    ]
    return recurring + once


def _book(app: Flask, key: str, document: dict[str, Any]) -> str:
    answer = app.test_client().post(
        "/1/jobs", json=document, headers={"X-API-Key": key, "Accept": "application/json"}
    )
    assert answer.status_code == 201, (answer.text, document)
    made: str = answer.get_json()["id"]
    return made


def _history(
    connection: psycopg.Connection, account: str, jobs: list[str], chance: random.Random
) -> list[tuple[UUID, str]]:
    """Runs of these jobs over the last 30 hours, with their attempts; the newest first."""
    made = []
    now = datetime.now(UTC)
    for number in range(RUNS):
        due = now - timedelta(minutes=1 + number * 4.5)
        state, status, error, reason = chance.choice(_OUTCOMES)
        attempts = 5 if state == "failed" else 0 if state == "cancelled" else 1
        run, late = uuid7(), chance.lognormvariate(0.5, 0.7)
        late = 1800.0 if number % 97 == 5 else late
        connection.execute(
            "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
            " attempts, reason, settled_at) SELECT %s, %s, id, 1, 'scheduled', %s, 0, %s, %s, %s,"
            " %s FROM account WHERE name = %s",
            (run, jobs[number % len(jobs)], due, state, attempts, reason, due, account),
        )
        for attempt in range(1, attempts + 1):
            connection.execute(
                "INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status,"
                " error, headers, body, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 1.2, 3.4, 9.8, %s, %s)",
                (
                    *(run, due, attempt, due + timedelta(seconds=30 * (attempt - 1))),
                    *(late, status, error or (None if status else "connect")),
                    Jsonb([["Content-Type", "text/plain"], ["X-Request", f"r-{number}"]]),
                    b"Internal error: <pool> is exhausted" if status == 500 else b"",
                    *(40 + late, 46 + late),
                ),
            )
        made.append((UUID(int=run.int), state))
    connection.commit()
    return made


def _under_way(connection: psycopg.Connection, account: str, jobs: list[str]) -> None:
    """Runs in flight: one that is being called, one that is retried, one whose host is full."""
    now = datetime.now(UTC)
    rows = (
        ("running", 1, None, None, now + timedelta(minutes=10)),
        ("waiting", 2, "The receiver answered 503; the next attempt is in a minute.", None, None),
        ("waiting", 0, "The destination is full.", "https://api.acme.example:443", None),
    )
    for number, (state, attempts, reason, destination, complete_by) in enumerate(rows):
        connection.execute(
            "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
            " send_at, attempts, look_at, reason, destination, complete_by, planned_at)"
            " SELECT %s, %s, id, 1, 'scheduled', %s, false, %s, %s, %s, %s, %s, %s, %s, %s"
            " FROM account WHERE name = %s",
            (
                *(uuid7(), jobs[number], now - timedelta(seconds=5 + number), state),
                *(now + timedelta(minutes=1), attempts, now + timedelta(days=1), reason),
                *(destination, complete_by, now if destination else None, account),
            ),
        )
    connection.commit()


def _accuracy(connection: psycopg.Connection, account: str, chance: random.Random) -> None:
    """The lateness of five minutes each, over the last day."""
    now = datetime.now(UTC)
    first = now.replace(minute=now.minute - now.minute % 5, second=0, microsecond=0)
    for slot in range(288):
        counts = [0] * (len(BOUNDS) + 1)
        for _ in range(chance.randint(20, 60)):
            counts[bucket(chance.lognormvariate(0.5, 0.7))] += 1
        connection.execute(
            "INSERT INTO accuracy (account_id, begins, counts, most_ms) SELECT id, %s, %s, %s"
            " FROM account WHERE name = %s ON CONFLICT DO NOTHING",
            (first - timedelta(minutes=5 * slot), counts, 12.5, account),
        )
    connection.commit()
