"""Fill: writes jobs and a history of runs into an empty database, as many as are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import psycopg

from app.store.partitions import make_ahead

Report = Callable[[str], None]

# One job in fifty is paused, one in a thousand has a rare tag, one in twenty fires once.
_JOBS = """
WITH made AS (
  INSERT INTO job (id, account_id, version, url, trigger, enabled, tags, name, content_type, data)
  SELECT (lpad(to_hex(n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
          || substr(md5(n::text), 4, 15))::uuid,
         %(account)s, 1, 'https://h' || n %% 7 || '.example.com/wake',
         CASE WHEN n %% 20 = 0 THEN '{"kind": "at", "at": "2999-01-01T00:00:00Z"}'::jsonb
              ELSE '{"kind": "cron", "expression": "0 0 12 * * ?"}' END, n %% 50 <> 0,
         CASE WHEN n %% 1000 = 0 THEN ARRAY['rare', 'common'] ELSE ARRAY['common'] END,
         CASE WHEN n %% 2 = 0 THEN 'job-' || n END, 'application/json',
         convert_to(repeat('x', 200), 'UTF8')
  FROM generate_series(1, %(jobs)s) n
  RETURNING id, account_id, enabled)
INSERT INTO due (job_id, account_id, version, recurring, next_at)
SELECT id, account_id, 1, true, CASE WHEN enabled THEN now() + random() * interval '1 day' END
FROM made
"""

# Some 600 bytes a run with its attempt, as real ones have. One run in fifty is of one of ten jobs
# that fire all the time; the others are spread over all jobs.
_RUNS = """
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts, reason,
                 settled_at)
SELECT (lpad(to_hex((extract(epoch FROM due) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
       %(jobs)s[CASE WHEN n %% 50 = 0 THEN n / 50 %% 10 ELSE n %% cardinality(%(jobs)s) END + 1],
       %(account)s, 1, CASE WHEN n %% 997 = 0 THEN 'manual' ELSE 'scheduled' END, due, 0, state,
       CASE state WHEN 'succeeded' THEN 1 WHEN 'failed' THEN 4 WHEN 'dead' THEN 2 ELSE 0 END,
       CASE WHEN state <> 'succeeded' THEN 'The receiver answered 500, and no retry is left.' END,
       due + CASE state WHEN 'failed' THEN interval '5 minutes' ELSE interval '40 ms' END
FROM (SELECT n, %(begins)s::timestamptz + n * %(apart)s AS due,
             CASE WHEN n %% 200 = 0 THEN 'failed' WHEN n %% 1000 = 1 THEN 'dead'
                  WHEN n %% 300 = 2 THEN 'cancelled' ELSE 'succeeded' END AS state
      FROM generate_series(0, %(number)s - 1) n) made
WHERE due < now()
"""
_ATTEMPTS = """
INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, error, headers, body,
                     dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms)
SELECT id, due_at, number, due_at + (number - 1) * interval '1 minute',
       CASE WHEN random() < 0.002 THEN 250 ELSE 1 + random() END,
       CASE WHEN state = 'succeeded' THEN 204 WHEN state = 'failed' THEN 500 END,
       CASE WHEN state = 'dead' THEN 'timeout' END,
       '[["Content-Type", "text/plain"], ["Date", "Sun, 22 Nov 2026 10:15:00 GMT"]]', 'ok',
       1, 2, 8, 20, 22
FROM run, generate_series(1, attempts) number WHERE due_at >= %(begins)s AND due_at < %(ends)s
"""

_UNDER_WAY = """
INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state, send_at,
                      attempts, look_at, reason, destination, planned_at)
SELECT gen_random_uuid(), (%(jobs)s)[n], %(account)s, 1, 'scheduled', now() - n * interval '1 s',
       false, 'waiting', now() + interval '1 minute', CASE WHEN n %% 2 = 0 THEN 1 ELSE 0 END,
       now() + interval '1 day', 'waiting: 50 calls to https://h1.example.com:443',
       CASE WHEN n %% 2 = 1 THEN 'https://h' || n %% 7 || '.example.com:443' END,
       CASE WHEN n %% 2 = 1 THEN now() END
FROM generate_series(1, %(number)s) n
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much is written."""

    jobs: int
    runs: int
    days: int = 30
    """The runs are spread over so many days before now."""
    under_way: int = 2_000


def fill(connection: psycopg.Connection, account_id: int, size: Size, report: Report) -> None:
    """Write the rows of an account; the database must be empty and autocommit."""
    today = datetime.now(UTC).date()
    for back in range(size.days, -1, -8):
        make_ahead(connection, today - timedelta(days=back - 1))
    make_ahead(connection, today)
    report(f"{size.jobs:,} jobs")
    connection.execute(_JOBS, {"account": account_id, "jobs": size.jobs})
    jobs = [row[0] for row in connection.execute("SELECT id FROM job ORDER BY id")]
    for day in range(size.days, -1, -1):
        report(f"runs of {size.days - day} of {size.days} days")
        _fill_day(connection, account_id, size, today - timedelta(days=day), jobs)
    given = {"account": account_id, "jobs": jobs, "number": min(size.under_way, size.jobs)}
    connection.execute(_UNDER_WAY, given)
    report("VACUUM ANALYZE")
    connection.execute("VACUUM (ANALYZE)")


def _fill_day(
    connection: psycopg.Connection, account_id: int, size: Size, day: date, jobs: list[UUID]
) -> None:
    number = -(-size.runs // size.days)
    begins = datetime.combine(day, datetime.min.time(), UTC)
    given = {
        "account": account_id,
        "jobs": jobs,
        "begins": begins,
        "ends": begins + timedelta(days=1),
        "apart": timedelta(days=1) / number,
        "number": number,
    }
    connection.execute(_RUNS, given)
    connection.execute(_ATTEMPTS, given)
