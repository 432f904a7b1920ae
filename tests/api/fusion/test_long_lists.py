"""Long lists of the Fusion dialect: bounded in elements and bytes, and each element once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from app.api.pages import MAX_PAGE_BYTES
from app.store.engine import db
from tests.api.fusion.documents import TASK, saved
from tests.api.fusion.runs import NONE
from tests.api.native.test_long_runs import following
from tests.factories import connect
from tests.store.plans import rows_read

AT_ONCE: Final = 50
COPIED: Final = (
    "account_id, version, url, data, trigger, enabled, tags, manner, dialect, endpoint, misfire"
)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def task(size: int = 0) -> dict[str, Any]:
    return {**TASK, "callParams": {**TASK["callParams"], "entity": "x" * size}}  # type: ignore[dict-item] # as TASK has it


def add_tasks(
    client: FlaskClient, connection: psycopg.Connection, count: int, size: int = 0
) -> None:
    """So many tasks of account-1, of `size` bytes: copies of one that was posted."""
    assert client.post("/api/tasks", json=task(size)).status_code == 200
    # Nothing shares the account's quota out anew here: each slot has a 64th of it.
    for first in range(1, count, AT_ONCE):
        connection.execute(
            f"INSERT INTO job (id, name, written, {COPIED}) SELECT gen_random_uuid(),"
            " 'task:t' || lpad(n::text, 6, '0'), jsonb_build_object('task',"
            " replace(written ->> 'task', '\"clean-up\"', '\"t' || lpad(n::text, 6, '0') || '\"')),"
            f" {COPIED} FROM job, generate_series(%s::int, %s) AS n WHERE name = 'task:clean-up'",
            (first, min(first + AT_ONCE, count) - 1),
        )
    connection.execute(
        "INSERT INTO due (job_id, account_id, version, recurring) SELECT id, account_id, 1, true"
        " FROM job WHERE id NOT IN (SELECT job_id FROM due)"
    )
    connection.execute("VACUUM ANALYZE job")


def pages(client: FlaskClient, path: str) -> list[list[dict[str, Any]]]:
    """The pages of a list from this path on, each within its bound."""
    found, at = [], path
    while at:
        answer = client.get(at)
        assert answer.status_code == 200, answer.text
        assert len(answer.data) <= MAX_PAGE_BYTES
        found.append(answer.get_json())
        at = following(answer) or ""
    return found


def test_without_parameters_a_list_has_a_thousand_entries_and_links_to_more(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_tasks(client, connection, 1100)
    for path, member in (("/api/tasks", "id"), ("/api/apollo/jobs", "resource")):
        first, second = pages(client, path)
        assert (len(first), len(second)) == (1000, 100)
        names = [each[member] for each in first + second]
        assert names == sorted(set(names))


def test_a_page_of_large_tasks_ends_where_its_bytes_do(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_tasks(client, connection, 200, size=60_000)
    found = pages(client, "/api/tasks")
    ids = [each["id"] for page in found for each in page]
    assert len(found) > 2
    assert len(set(ids)) == len(ids) == 200
    assert ids == sorted(ids)


def test_pages_hold_to_types_and_apps(client: FlaskClient, connection: psycopg.Connection) -> None:
    for number in range(3):
        for kind in ("datasource", "spark"):
            saved(client, NONE, f"{kind}:x{number}")
    for number in range(3):
        client.put(f"/api/apps/my%20films/tasks/x{number}", json={**TASK, "id": f"x{number}"})
    every = [f"{kind}:x{number}" for kind in ("datasource", "spark", "task") for number in range(3)]
    for query, meant in (
        ("", every),
        ("&type=spark&type=task", every[3:]),
        ("&type=task", every[6:]),
        ("&type=datasource", every[:3]),
    ):
        for limit in (1, 2, 3, 4, 1000):
            found = pages(client, f"/api/jobs?limit={limit}{query}")
            assert [each["resource"] for page in found for each in page] == meant
            assert all(len(page) == limit for page in found[:-1])
    for path, member in (("jobs", "resource"), ("tasks", "id")):
        found = pages(client, f"/api/apollo/apps/my%20films/{path}?limit=2")
        assert [str(each[member]).removeprefix("task:") for page in found for each in page] == [
            *("x0", "x1", "x2")
        ]
        assert len(found) == 2
    assert pages(client, "/api/apps/other/jobs") == [[]]


def test_a_limit_or_cursor_that_cannot_be_is_refused(client: FlaskClient) -> None:
    for path in ("/api/jobs", "/api/tasks"):
        for limit in ("0", "1001", "-1", "x", "", "1" * 5000, "٣"):
            answer = client.get(path, query_string={"limit": limit})
            assert (answer.status_code, answer.get_json()["member"]) == (400, "limit")
        for cursor in ("", "\0", "é", "a" * 200, "nothing:x", "%"):
            answer = client.get(path, query_string={"cursor": cursor})
            assert (answer.status_code, answer.get_json()["member"]) == (400, "cursor")


def test_a_page_reads_no_more_jobs_than_it_has(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_tasks(client, connection, 3000)
    queries: list[tuple[str, Any]] = []

    def note(*args: Any) -> None:
        queries.append((args[2], args[3]))

    with client.application.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
        for path in ("/api/jobs", "/api/tasks"):
            client.get(f"{path}?limit=20&cursor={'task:' if path == '/api/jobs' else ''}t001500")
            query, params = next(each for each in queries if "AS named" in each[0])
            queries.clear()
            plan = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", params).fetchone()
            assert plan is not None
            assert max(rows_read(plan[0][0]["Plan"], "job")) <= 21
