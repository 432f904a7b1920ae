"""Runs whose attempts are many or large: lists bounded in bytes, and every attempt reachable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient
from lxml import etree
from psycopg.types.json import Jsonb
from werkzeug.test import TestResponse

from app.api.pages import MAX_PAGE_BYTES
from app.store import history
from tests.api.native.booked import ABSENT, JSON
from tests.api.native.test_run_routes import FAILED, JOB, add_run, refusal
from tests.factories import connect

XML: Final = {"Accept": "application/xml"}
LARGE: Final = Jsonb([[f"X-Header-{number}", "v" * 1010] for number in range(8)])
"""8 KiB of header fields, as many as are kept of an answer."""


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def add_runs(
    connection: psycopg.Connection, runs: int, attempts: int, headers: Jsonb = LARGE
) -> None:
    """Failed runs of one job of account-1, a second apart, each with so many attempts."""
    connection.execute(
        "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
        " attempts, settled_at) SELECT gen_random_uuid(), %s, account.id, 1, 'scheduled',"
        " now() - n * interval '1 s', 0, 'failed', %s, now()"
        " FROM account, generate_series(1, %s) AS n WHERE name = 'account-1'",
        (JOB, attempts, runs),
    )
    connection.execute(
        "INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, headers,"
        " body, total_ms) SELECT id, due_at, n, now(), 1, 500, %s, repeat('b', 1024)::bytea, 1"
        " FROM run, generate_series(1, attempts) AS n",
        (headers,),
    )


def following(answer: TestResponse) -> str | None:
    """Where the Link of an answer leads, if it has one."""
    link = answer.headers.get("Link")
    return None if link is None else link.removeprefix("<").removesuffix('>; rel="next"')


def walk(client: FlaskClient, path: str, headers: dict[str, str] = JSON) -> list[TestResponse]:
    """The pages of a list from this path on, each within its bound."""
    found, at = [], path
    while at:
        answer = client.get(at, headers=headers)
        assert answer.status_code == 200, answer.text
        assert len(answer.data) <= MAX_PAGE_BYTES
        found.append(answer)
        at = following(answer) or ""
    return found


@pytest.mark.parametrize(
    "path", ["/1/runs?state=failed&limit=1000", f"/1/jobs/{JOB}/runs?limit=1000"]
)
def test_a_page_of_runs_ends_where_its_bytes_do(
    client: FlaskClient, connection: psycopg.Connection, path: str
) -> None:
    add_runs(connection, runs=60, attempts=20)

    pages = walk(client, path)

    runs = [run for page in pages for run in page.get_json()]
    assert len(pages) > 2
    assert len({run["id"] for run in runs}) == len(runs) == 60
    assert [run["due"] for run in runs] == sorted((run["due"] for run in runs), reverse=True)
    assert all([each["number"] for each in run["attempts"]] == [*range(1, 21)] for run in runs)
    assert not any("omittedAttempts" in run for run in runs)


def test_pages_are_the_same_in_xml(client: FlaskClient, connection: psycopg.Connection) -> None:
    add_runs(connection, runs=60, attempts=20)

    pages = [etree.fromstring(page.data) for page in walk(client, "/1/runs?limit=1000", XML)]

    ids = [run.findtext("id") for page in pages for run in page]
    assert len(pages) > 2
    assert len(set(ids)) == len(ids) == 60
    assert {page.tag for page in pages} == {"runs"}


def noted_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many attempts each query reads from now on."""
    read: list[int] = []
    beside = history._attempts_beside

    def note(*args: object, **options: bool) -> dict[UUID, list[object]]:
        found = beside(*args, **options)  # type: ignore[arg-type] # handed on as it came
        read.append(sum(map(len, found.values())))
        return found  # type: ignore[return-value] # as it is

    monkeypatch.setattr(history, "_attempts_beside", note)
    return read


def test_a_page_reads_attempts_a_few_at_a_time(
    client: FlaskClient, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_runs(connection, runs=60, attempts=20)
    read = noted_reads(monkeypatch)
    client.get("/1/runs?limit=1000")

    assert max(read) <= 256
    assert sum(read) < 60 * 20


@pytest.mark.parametrize("path", ["/1/runs", f"/1/jobs/{JOB}/runs"])
def test_a_brief_list_has_the_first_and_the_newest_attempt_without_what_was_answered(
    client: FlaskClient, connection: psycopg.Connection, path: str
) -> None:
    add_runs(connection, runs=5, attempts=25)
    connection.execute(
        "UPDATE run SET attempts = (ARRAY[0, 1, 2, 3, 25])[n]"
        " FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM run) AS numbered"
        " WHERE run.id = numbered.id"
    )
    connection.execute("DELETE FROM attempt USING run WHERE run.id = run_id AND number > attempts")
    connection.execute("UPDATE attempt SET lateness_ms = number")
    whole = client.get(f"{path}?view=full").get_json()
    brief = client.get(f"{path}?view=brief").get_json()

    assert client.get(path).get_json() == whole
    numbers = {len(each["attempts"]): [a["number"] for a in each["attempts"]] for each in whole}
    assert numbers == {0: [], 1: [1], 2: [1, 2], 3: [1, 2, 3], 20: [*range(6, 26)]}
    assert {each["id"]: [a["number"] for a in each["attempts"]] for each in brief} == {
        each["id"]: sorted({1, last_number(each)}) if each["attempts"] else [] for each in whole
    }
    assert {each["id"]: each.get("omittedAttempts", 0) for each in brief} == {
        each["id"]: max(last_number(each) - 2, 0) for each in whole
    }
    for each, same in zip(brief, whole, strict=True):
        newest = same["attempts"][-1:]
        for attempt in newest:
            del attempt["body"]
            attempt["headers"] = []
        assert each["attempts"][-1:] == newest
        assert [a["latenessMs"] for a in each["attempts"][:1]] == [1.0] * len(newest)
        assert {**each, "attempts": 0, "omittedAttempts": 0} == {
            **same,
            "attempts": 0,
            "omittedAttempts": 0,
        }


def last_number(run: dict[str, Any]) -> int:
    """The number of a run's newest attempt; 0 without one."""
    return int(run["attempts"][-1]["number"]) if run["attempts"] else 0


def test_a_brief_page_holds_all_that_were_asked_for_however_long_the_answers_are(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_runs(connection, runs=60, attempts=20)

    (page,) = walk(client, "/1/runs?view=brief&limit=1000")
    (in_xml,) = walk(client, "/1/runs?view=brief&limit=1000", XML)

    runs = page.get_json()
    assert len(runs) == 60
    assert len(page.data) < 60 * 1500
    listed = etree.fromstring(in_xml.data)
    assert [each.findtext("id") for each in listed] == [each["id"] for each in runs]
    assert {each.findtext("omittedAttempts") for each in listed} == {"18"}
    assert {len(each.findall("attempts/attempt")) for each in listed} == {2}


def test_a_brief_page_is_read_by_one_query_beside_that_of_its_rows(
    client: FlaskClient, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_runs(connection, runs=60, attempts=20)
    read = noted_reads(monkeypatch)
    client.get("/1/runs?view=brief&limit=1000")

    assert read == [2 * 60]


def test_a_page_leads_to_the_next_one_in_its_own_view(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_runs(connection, runs=5, attempts=3)

    pages = walk(client, "/1/runs?view=brief&limit=2")

    runs = [run for page in pages for run in page.get_json()]
    assert len(pages) == 3
    assert {run["omittedAttempts"] for run in runs} == {1}
    assert len({run["id"] for run in runs}) == 5


@pytest.mark.parametrize("path", ["/1/runs", f"/1/jobs/{JOB}/runs"])
@pytest.mark.parametrize("value", ["", "ids", "Brief"])
def test_other_views_of_runs_are_refused(client: FlaskClient, path: str, value: str) -> None:
    answer = client.get(f"{path}?view={value}", headers=JSON)

    assert answer.status_code == 400
    assert answer.get_json()["member"] == "view"
    assert answer.get_json()["remedy"] == "Give one of: full, brief."


def test_a_run_shows_its_newest_attempts_and_leads_to_the_others(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_runs(connection, runs=1, attempts=1400)
    (listed,) = client.get("/1/runs").get_json()
    path = f"/1/runs/{listed['id']}"
    answer = client.get(path)
    shown = answer.get_json()

    assert shown == listed
    assert [each["number"] for each in shown["attempts"]] == [*range(1381, 1401)]
    assert shown["omittedAttempts"] == 1380
    earlier = following(answer)
    assert earlier == f"{path}/attempts?cursor=1381"
    for first, query in (
        (1380, "?cursor=1381"),
        (1400, ""),
        (1400, "?limit=7"),
        (1400, "?limit=1000"),
    ):
        pages = walk(client, f"{path}/attempts{query}")
        numbers = [each["number"] for page in pages for each in page.get_json()]
        assert numbers == [*range(first, 0, -1)]
    assert client.get(f"{path}/attempts?limit=1").get_json() == shown["attempts"][-1:]
    in_xml = walk(client, f"{path}/attempts?limit=1000", XML)
    numbers = [
        int(each.findtext("number", ""))
        for page in in_xml
        for each in etree.fromstring(page.data).iterchildren("attempt")
    ]
    assert numbers == [*range(1400, 0, -1)]


def test_attempts_are_their_account_s_alone(
    client: FlaskClient, other_client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_run(connection)
    path = f"/1/runs/{FAILED}/attempts"
    assert client.get(path).get_json()[0]["number"] == 1
    unknown = client.get(f"/1/runs/{ABSENT}/attempts")
    foreign = other_client.get(path)
    assert (unknown.status_code, foreign.status_code) == (404, 404)
    assert foreign.text.replace(str(FAILED), ABSENT) == unknown.text


def test_what_is_not_a_cursor_of_attempts_is_refused(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_run(connection)
    path = f"/1/runs/{FAILED}/attempts"
    for given in ("", "0", "-1", "x", "32768", "99999", "1" * 5000, "٣", "1.0"):
        assert refusal(client.get(path, query_string={"cursor": given})) == (400, "cursor")
    assert refusal(client.get(f"{path}?state=failed")) == (400, "state")
    assert client.get(f"{path}?cursor=1").get_json() == []
    assert client.get(f"{path}?cursor=1", headers=XML).data == b"<attempts/>"
    assert refusal(client.get(f"/1/jobs/{JOB}/runs?cursor=x")) == (400, "cursor")
