"""Runs over HTTP: filtered, paged, sent again one by one and together, and made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient
from uuid6 import uuid7
from werkzeug.test import TestResponse

from app.api.native.documents import run_cursor
from app.domain.run import Position
from app.store import run_list
from tests.api.golden import golden
from tests.api.native.booked import ABSENT, JSON
from tests.api.native.test_runs import AT, LATE
from tests.factories import connect

JOB = UUID(ABSENT)
FAILED = UUID("01a20290-027f-7fc0-b123-b43bd8583de0")
XML = {"Accept": "text/xml"}
FORMATS = ("json", "xml")


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def add_run(
    connection: psycopg.Connection, run_id: UUID = FAILED, state: str = "failed", job: UUID = JOB
) -> None:
    """A settled run of account-1, attempted once, whose job is gone and whose content is kept."""
    connection.execute(
        "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
        " attempts, reason, settled_at) SELECT %s, %s, id, 1, 'scheduled', %s, 0, %s, 1,"
        " 'The receiver answered 500.', %s FROM account WHERE name = 'account-1'",
        (run_id, job, AT, state, LATE),
    )
    connection.execute(
        "INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, headers,"
        " body, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms)"
        """ VALUES (%s, %s, 1, %s, 1.5, 500, '[["Date", "now"]]', 'oh', 1, 2, 3, 4, 5)""",
        (run_id, AT, LATE),
    )
    connection.execute(
        "INSERT INTO superseded (job_id, version, url) VALUES (%s, 1, 'http://127.0.0.1/')"
        " ON CONFLICT DO NOTHING",
        (job,),
    )


def add_runs(connection: psycopg.Connection, count: int) -> list[str]:
    """So many failed runs, the newest first."""
    made = [UUID(int=uuid7().int) for _ in range(count)]
    for run_id in made:
        add_run(connection, run_id, job=UUID(int=uuid7().int))
    return [str(run_id) for run_id in reversed(made)]


def ids(answer: TestResponse) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [run["id"] for run in answer.get_json()]


def refusal(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json().get("member")


@pytest.mark.parametrize("accept", FORMATS)
def test_the_list_on_the_wire(
    client: FlaskClient, connection: psycopg.Connection, accept: str
) -> None:
    add_run(connection)
    headers = JSON if accept == "json" else XML

    answer = client.get("/1/runs", headers=headers)

    assert answer.data == golden(f"runs.response.{accept}")
    assert "Link" not in answer.headers
    head = client.head("/1/runs", headers=headers)
    assert head.headers["Content-Length"] == str(len(answer.data))


def test_each_page_links_to_the_next_until_the_last(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    made = add_runs(connection, 5)
    found, where = [], "/1/runs?limit=2&state=failed&state=dead,cancelled"
    for _ in range(2):
        answer = client.get(where)
        found += ids(answer)
        address, relation = answer.headers["Link"].split("; ")
        assert relation == 'rel="next"'
        where = address.removeprefix("<").removesuffix(">")
        assert where.startswith("/1/runs?limit=2&state=failed&state=dead%2Ccancelled&cursor=")
    last = client.get(where)

    assert found + ids(last) == made
    assert "Link" not in last.headers


def test_a_query_narrows_the_list(client: FlaskClient, connection: psycopg.Connection) -> None:
    add_run(connection)
    for query, count in (
        ("", 1),
        ("?state=failed", 1),
        ("?state=succeeded,claimed", 0),
        (f"?job={JOB}", 1),
        (f"?job={str(JOB).upper()}", 1),
        (f"?job={UUID(int=1)}", 0),
        ("?after=2026-11-22T09:30:00Z", 1),
        ("?after=2026-11-22T09:30:00.000001Z", 0),
        ("?before=2026-11-22T09:30:00Z", 0),
        ("?before=2026-11-22T10:30:01%2B01:00&after=2026-11-22T09:00Z", 1),
        ("?kind=scheduled,manual&minLatenessMs=1.5&lastStatus=5xx&host=127.0.0.1", 1),
        ("?kind=manual&kind=event", 0),
        ("?minLatenessMs=1.51", 0),
        ("?lastStatus=2xx,error", 0),
        ("?host=EXAMPLE.com", 0),
    ):
        assert len(ids(client.get(f"/1/runs{query}"))) == count, query


def test_a_page_that_was_searched_in_vain_leads_on(
    client: FlaskClient, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_list, "MAX_EXAMINED", 2)
    made = add_runs(connection, 5)
    connection.execute("UPDATE run SET kind = 'manual' WHERE id = %s", (made[-1],))
    found, where = [], "/1/runs?kind=manual"
    for _ in range(2):
        answer = client.get(where)
        found += ids(answer)
        where = answer.headers["Link"].removeprefix("<").removesuffix('>; rel="next"')
    last = client.get(where)

    assert found == []
    assert ids(last) == made[-1:]
    assert "Link" not in last.headers


def test_the_list_is_the_account_s_own(
    client: FlaskClient, other_client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_run(connection)
    assert ids(other_client.get(f"/1/runs?job={JOB}")) == ids(other_client.get("/1/runs")) == []
    assert ids(client.get("/1/runs")) == [str(FAILED)]


@pytest.mark.parametrize(
    ("query", "member"),
    [
        ("state=", "state"),
        ("state=over", "state"),
        ("state=failed,", "state"),
        ("state=FAILED", "state"),
        ("stat=failed", "stat"),
        ("job=1", "job"),
        (f"job={ABSENT.replace('-', '')}", "job"),
        (f"job={ABSENT}&job={ABSENT}", "job"),
        ("after=yesterday", "after"),
        ("before=2026-11-22", "before"),
        ("after=2026-11-22T09Z&before=2026-11-22T09Z", "before"),
        ("cursor=", "cursor"),
        ("cursor=x", "cursor"),
        ("cursor=%C3%A9", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=" + "f" * 32, "cursor"),
        ("limit=0", "limit"),
        ("kind=", "kind"),
        ("kind=scheduled,late", "kind"),
        ("lastStatus=500", "lastStatus"),
        ("minLatenessMs=", "minLatenessMs"),
        ("minLatenessMs=-1", "minLatenessMs"),
        ("minLatenessMs=1e9", "minLatenessMs"),
        ("minLatenessMs=1&minLatenessMs=2", "minLatenessMs"),
        ("host=example.com:80", "host"),
        ("%ff=1", "%FF"),
    ],
)
def test_what_a_query_cannot_mean_is_refused_by_name(
    client: FlaskClient, query: str, member: str
) -> None:
    assert refusal(client.get(f"/1/runs?{query}")) == (400, member)


def test_a_cursor_is_where_it_was() -> None:
    for position in (Position(due_at=AT, id=JOB), Position(due_at=LATE, id=UUID(int=0))):
        assert run_cursor.read(run_cursor.write(position)) == position
