"""Scene: settled runs and runs under way, as the pages of runs show them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from uuid6 import uuid7

HOSTILE = '</pre><script>alert(1)</script><img src=x onerror="alert(2)">'


def add_run(  # noqa: PLR0913 - what differs between runs
    connection: psycopg.Connection,
    account_id: int,
    *,
    state: str = "failed",
    late_ms: float = 1.3,
    status: int | None = 503,
    job_id: UUID | None = None,
    ago: timedelta = timedelta(minutes=5),
    kind: str = "scheduled",
    body: str = "oh no",
    url: str = "https://example.com/wake",
) -> UUID:
    """A settled run, attempted twice, whose content is kept."""
    run_id, job = UUID(int=uuid7().int), job_id or UUID(int=uuid7().int)
    due_at = datetime.now(UTC) - ago
    connection.execute(
        "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
        " attempts, reason, settled_at) VALUES (%s, %s, %s, 1, %s, %s, 0, %s, 2, %s, now())",
        (
            run_id,
            job,
            account_id,
            kind,
            due_at,
            state,
            f"The receiver answered {status}: {HOSTILE}",
        ),
    )
    for number in (1, 2):
        connection.execute(
            "INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, error,"
            " detail, headers, body, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms)"
            " VALUES (%s, %s, %s, now(), %s, %s, %s, %s, %s, %s, 1, 2, 3, 4, 5)",
            (
                *(run_id, due_at, number, late_ms, status),
                None if status else "timeout",
                None if status else "No complete response arrived in time.",
                f'[["X-Evil", {json.dumps(HOSTILE)}]]',
                (body if number == 2 else "first").encode(),
            ),
        )
    connection.execute(
        "INSERT INTO superseded (job_id, version, url, content_type, data, account_id)"
        " VALUES (%s, 1, %s, 'application/json', %s, %s) ON CONFLICT DO NOTHING",
        (job, url, b'{"price":10000000000000000000001.50,"note":"' + HOSTILE[:5].encode() + b'"}',
         account_id),
    )  # fmt: skip
    return run_id


def add_live(
    connection: psycopg.Connection, account_id: int, state: str, run_id: UUID | None = None
) -> UUID:
    """A run under way that was attempted once."""
    made = run_id or UUID(int=uuid7().int)
    connection.execute(
        "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
        " send_at, look_at, attempts, reason, lease_until, complete_by)"
        " VALUES (%s, gen_random_uuid(), %s, 1, 'manual', now() - interval '1 min', false, %s,"
        " now() + interval '9 min', now() + interval '9 min', 1,"
        " 'waiting: 50 calls to example.com are under way', NULL,"
        " CASE WHEN %s = 'running' THEN now() + interval '1 h' END)",
        (made, account_id, state, state),
    )
    return made
