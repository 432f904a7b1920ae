"""Dry runs of PUT by name: what the request would do, with all its rules, and nothing stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from lxml import etree
from psycopg import sql

from tests.api.conftest import MakeApp, client_of
from tests.api.native.booked import JSON, OFTEN, ONCE, OPTIONS, booked, xml_of
from tests.factories import connect

PATH = "/1/jobs/by-name/invoices"
DRY = f"{PATH}?dryRun=true"
OUTCOME = "Wakecall-Outcome"
TABLES = ("job", "due", "inflight", "run", "superseded", "usage_slot", "audit", "kept_answer")


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture(autouse=True)
def reported_limits(client: FlaskClient) -> None:
    """The first check of any booking tells the database the limits of its account."""
    assert client.post("/1/jobs?dryRun=true", json=ONCE).status_code == 200


def stored(connection: psycopg.Connection) -> dict[str, list[Any]]:
    """All rows of the tables in which a job leaves anything, with their physical versions."""
    return {
        table: connection.execute(
            sql.SQL("SELECT t.xmin::text, t.ctid::text, t::text FROM {} t ORDER BY 2").format(
                sql.Identifier(table)
            )
        ).fetchall()
        for table in TABLES
    }


def test_a_new_name_would_be_created(client: FlaskClient, connection: psycopg.Connection) -> None:
    before = stored(connection)
    answer = client.put(DRY, json=OPTIONS)
    assert (answer.status_code, answer.headers[OUTCOME]) == (200, "created")
    assert "Location" not in answer.headers
    shown = answer.get_json()
    assert stored(connection) == before

    made = client.put(PATH, json=OPTIONS, headers=JSON)
    assert (made.status_code, made.headers[OUTCOME]) == (201, "created")
    assert made.get_json() == {"id": made.get_json()["id"], **shown}


@pytest.mark.parametrize(
    "changed",
    [
        {"cron": "0 0 9 ? * MON"},
        {"cron": "@daily", "timezone": "Europe/Berlin"},
        {"data": "other"},
        {"tags": ["billing"]},
        {"enabled": False},
    ],
)
def test_a_job_that_differs_would_be_replaced(
    client: FlaskClient, connection: psycopg.Connection, changed: dict[str, Any]
) -> None:
    job = booked(client, {**OFTEN, "name": "invoices"})
    before = stored(connection)
    answer = client.put(DRY, json={**OFTEN, **changed})
    assert (answer.status_code, answer.headers[OUTCOME]) == (200, "replaced")
    shown = answer.get_json()
    assert shown["id"] == job["id"]
    assert stored(connection) == before
    assert client.get(PATH).get_json() == job

    made = client.put(PATH, json={**OFTEN, **changed}, headers=JSON)
    assert made.headers[OUTCOME] == "replaced"
    assert made.get_json() == shown


def test_a_paused_job_would_be_resumed(client: FlaskClient, connection: psycopg.Connection) -> None:
    booked(client, {**OFTEN, "name": "invoices", "enabled": False})
    before = stored(connection)
    shown = client.put(DRY, json=OFTEN).get_json()
    assert shown["next"]
    assert stored(connection) == before
    assert client.put(PATH, json=OFTEN, headers=JSON).get_json() == shown


def test_an_equal_job_would_be_left_alone(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    job = booked(client, OPTIONS)
    before = stored(connection)
    for document in (OPTIONS, job):
        answer = client.put(DRY, json=document)
        assert (answer.status_code, answer.headers[OUTCOME]) == (200, "unchanged")
        assert answer.get_json() == job
    assert stored(connection) == before


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize(
    ("document", "status", "member"),
    [
        ({}, 400, "url"),
        ({**ONCE, "when": "2011-05-11T15:30:00Z"}, 400, "when"),
        ({**OFTEN, "url": "ftp://example.com/"}, 400, "url"),
        ({**OFTEN, "cron": "*/5 * * * *"}, 400, "cron"),
        ({**OFTEN, "unknown": "x"}, 400, "unknown"),
        ({**OFTEN, "name": "other"}, 400, "name"),
        ({**OFTEN, "data": "x" * 2049}, 413, "data"),
    ],
)
def test_it_is_refused_as_the_request_would_be(
    client: FlaskClient,
    connection: psycopg.Connection,
    document: dict[str, Any],
    status: int,
    member: str,
    *,
    is_there: bool,
) -> None:
    if is_there:
        booked(client, {**OFTEN, "name": "invoices"})
    before = stored(connection)
    dry, wet = client.put(DRY, json=document), client.put(PATH, json=document)
    assert (dry.status_code, dry.get_json()["member"]) == (status, member)
    assert dry.data == wet.data
    assert stored(connection) == before


def test_members_that_are_read_only_are_compared(client: FlaskClient) -> None:
    booked(client, {**OFTEN, "name": "invoices"})
    wrong = {**OFTEN, "data": "x", "next": "2099-01-01T00:00:00Z"}
    for document in (wrong, {**OFTEN, "next": "2099-01-01T00:00:00Z"}):
        dry, wet = client.put(DRY, json=document), client.put(PATH, json=document)
        assert (dry.status_code, dry.get_json()["member"]) == (400, "next")
        assert dry.data == wet.data


def test_a_job_whose_only_firing_was_made_cannot_be_resumed(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    document = {**ONCE, "name": "invoices", "enabled": False}
    job = booked(client, document)
    connection.execute(
        "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
        " send_at, attempts, look_at) SELECT gen_random_uuid(), id, account_id, 1, 'scheduled',"
        " %s, true, 'claimed', %s, 0, now() FROM job",
        (ONCE["when"], ONCE["when"]),
    )
    connection.commit()
    dry, wet = client.put(DRY, json=ONCE), client.put(PATH, json=ONCE)
    assert (dry.status_code, dry.get_json()["member"]) == (409, "when")
    assert dry.data == wet.data
    assert client.get(PATH).get_json() == job


def test_the_limits_of_the_account_hold(
    make_app: MakeApp, key: str, connection: psycopg.Connection
) -> None:
    client = client_of(make_app(WAKECALL_LIMIT_JOBS="1"), key)
    assert client.put(PATH, json=OFTEN).status_code == 201
    before = stored(connection)
    refused = client.put("/1/jobs/by-name/second?dryRun=true", json=OFTEN)
    assert (refused.status_code, refused.get_json()["type"]) == (403, "/problems/limit-reached")
    assert client.put(DRY, json={**OFTEN, "data": "x"}).headers[OUTCOME] == "replaced"
    assert stored(connection) == before


def test_formats(client: FlaskClient) -> None:
    sent = xml_of({"url": OFTEN["url"], "cron": "@daily", "timezone": "Europe/Berlin"})
    types = {"Content-Type": "text/xml"}
    answer = client.put(DRY, data=sent, headers={**types, "Accept": "text/xml"})
    assert answer.headers[OUTCOME] == "created"
    assert answer.headers["Wakecall-Tzdata"]
    assert etree.fromstring(answer.data).findtext("cron") == "@daily"
    text = {"Accept": "text/plain"}
    assert client.put(DRY, data=sent, headers={**types, **text}).data == b""
    made = client.put(PATH, data=sent, headers={**types, **text})
    assert client.put(DRY, data=sent, headers={**types, **text}).data == made.data
    assert client.put(DRY, data=sent, headers=types).content_type == "application/json"


def test_other_methods_have_no_dry_run(client: FlaskClient) -> None:
    job = booked(client, {**OFTEN, "name": "invoices"})
    for method in ("GET", "DELETE"):
        answer = client.open(DRY, method=method)
        assert (answer.status_code, answer.get_json()["member"]) == (400, "dryRun")
    for value in ("", "yes", "TRUE"):
        answer = client.put(f"{PATH}?dryRun={value}", json=ONCE)
        assert (answer.status_code, answer.get_json()["member"]) == (400, "dryRun")
    assert client.get(PATH).get_json() == job
