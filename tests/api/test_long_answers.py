"""Long responses of the web server: their bytes are bounded, and so is the memory for them."""

from __future__ import annotations

import psycopg
import pytest

from app.api.pages import MAX_PAGE_BYTES
from tests.api.server import Web, ask, request
from tests.api.test_long_lists import peak_of

RUNS, ATTEMPTS, TASKS = 500, 20, 1000


@pytest.fixture(scope="module", autouse=True)
def many(web_environ: dict[str, str], web_key: str) -> None:
    """Runs that failed as often as they may, with as much as is kept of each; long tasks."""
    assert web_key
    with psycopg.connect(web_environ["DATABASE_URL"]) as connection:
        connection.execute(
            "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
            " attempts, settled_at) SELECT gen_random_uuid(), gen_random_uuid(), account.id, 1,"
            " 'scheduled', now() - n * interval '1 s', 0, 'failed', %s, now()"
            " FROM account, generate_series(1, %s) AS n",
            (ATTEMPTS, RUNS),
        )
        connection.execute(
            "INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status,"
            " headers, body, total_ms) SELECT id, due_at, n, now(), 1, 500,"
            " (SELECT jsonb_agg(jsonb_build_array('X-' || h, repeat('v', 1010)))"
            "  FROM generate_series(1, 8) AS h), repeat('b', 1024)::bytea, 1"
            " FROM run, generate_series(1, attempts) AS n"
        )
        connection.execute(
            "INSERT INTO job (id, account_id, version, url, trigger, enabled, dialect, endpoint,"
            " name, misfire, written) SELECT gen_random_uuid(), account.id, 1, 'http://127.0.0.1/',"
            """ '{"kind": "calendar", "triggers": []}', true, 'fusion', '', 'task:t' || n,"""
            " 'one', jsonb_build_object('task', jsonb_build_object('id', 't' || n, 'type',"
            " 'rest-call', 'callParams', jsonb_build_object('entity', repeat('e', 60000)))::text)"
            " FROM account, generate_series(1, %s) AS n",
            (TASKS,),
        )


@pytest.mark.parametrize("path", ["/1/runs?state=failed&limit=1000", "/api/tasks"])
def test_an_answer_is_bounded_and_so_is_the_memory_it_takes(
    web: Web, web_key: str, path: str
) -> None:
    (process,) = web.workers()
    assert ask(web, request("GET", "/1/jobs/x", X_API_Key=web_key)).status == 404
    before = peak_of(process)
    for accept in ("application/json", "application/xml"):
        for _ in range(3):
            reply = ask(web, request("GET", path, X_API_Key=web_key, Accept=accept))
            assert reply.status == 200
            assert MAX_PAGE_BYTES // 2 < len(reply.body) <= MAX_PAGE_BYTES
            assert 'rel="next"' in reply.headers["link"]
    # All that there is would be 80 and 60 MB as it is stored, and several times that as objects.
    assert (peak_of(process) - before) * 1024 < 12 * MAX_PAGE_BYTES
