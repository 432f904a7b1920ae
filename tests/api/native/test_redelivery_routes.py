"""Redelivery over HTTP: one run by its path, many by a document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient
from lxml import etree

from app.api.native.codecs.reader import Body
from app.api.native.documents import redelivery
from app.domain.run import RunState
from tests.api.golden import golden
from tests.api.native.booked import ABSENT, JSON
from tests.api.native.test_run_routes import FAILED, FORMATS, JOB, XML, add_run, add_runs, refusal
from tests.factories import connect, one


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.mark.parametrize("kind", ["application/json", "text/xml"])
def test_a_redelivery_is_narrowed_as_the_list_is(
    client: FlaskClient, connection: psycopg.Connection, kind: str
) -> None:
    add_run(connection)
    add_run(connection, UUID(int=1), "dead", UUID(int=1))
    connection.execute("UPDATE run SET kind = 'manual' WHERE state = 'dead'")
    narrow = {"kind": ["manual"], "lastStatus": ["5xx", "error"], "minLatenessMs": 1.5}
    for members, count in ((narrow, 1), ({**narrow, "minLatenessMs": 2}, 0)):
        body = json.dumps(members)
        if kind == "text/xml":
            body = (
                "<redelivery><kind>manual</kind><lastStatus>5xx</lastStatus>"
                f"<minLatenessMs>{members['minLatenessMs']}</minLatenessMs></redelivery>"
            )
        answer = client.post("/1/runs/redeliver", data=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.get_json()["count"]) == (202, count), answer.text
    assert one(connection, "SELECT id FROM inflight") == UUID(int=1)
    refused = client.post("/1/runs/redeliver", json={"minLatenessMs": -1})
    assert refusal(refused) == (400, "minLatenessMs")


@pytest.mark.parametrize("accept", FORMATS)
def test_a_run_is_sent_again_once(
    client: FlaskClient, connection: psycopg.Connection, accept: str
) -> None:
    add_run(connection)
    path = f"/1/runs/{FAILED}"

    answer = client.post(f"{path}/redeliver", headers=JSON if accept == "json" else XML)

    assert answer.status_code == 202
    assert answer.headers["Location"] == path
    assert answer.data == golden(f"redelivered.response.{accept}")
    assert client.get(path).get_json()["state"] == "claimed"
    again = client.post(f"{path}/redeliver")
    assert (again.status_code, again.get_json()["type"]) == (409, "/problems/conflict")
    assert "under way" in again.get_json()["detail"]
    assert one(connection, "SELECT count(*) FROM inflight") == 1


def test_a_run_whose_content_is_gone_is_refused_with_the_reason(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_run(connection)
    connection.execute("DELETE FROM superseded")

    answer = client.post(f"/1/runs/{FAILED}/redeliver")

    assert answer.status_code == 409
    assert "no longer kept" in answer.get_json()["detail"]
    assert client.get(f"/1/runs/{FAILED}").get_json()["state"] == "failed"


def test_a_foreign_run_and_none_are_answered_alike(
    client: FlaskClient, other_client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_run(connection)
    foreign = other_client.post(f"/1/runs/{FAILED}/redeliver")
    unknown = other_client.post(f"/1/runs/{ABSENT}/redeliver")

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.text.replace(str(FAILED), ABSENT) == unknown.text


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("dry", [True, False])
def test_runs_are_counted_and_sent_again_by_document(
    client: FlaskClient, connection: psycopg.Connection, suffix: str, *, dry: bool
) -> None:
    add_run(connection)
    add_run(connection, UUID(int=1), "dead", UUID(int=1))
    body = golden(f"redelivery.request.{suffix}")
    if not dry:
        body = body.replace(b"true", b"false")
    media_type = "application/json" if suffix == "json" else "text/xml"

    answer = client.post(
        "/1/runs/redeliver", data=body, headers={"Content-Type": media_type, "Accept": media_type}
    )

    assert answer.status_code == (200 if dry else 202)
    assert answer.data == golden(f"redelivery.response.{suffix}")
    assert one(connection, "SELECT count(*) FROM inflight") == (0 if dry else 1)


def test_what_remains_is_gone_on_with(
    client: FlaskClient, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.service.runs.MAX_REDELIVERED", 2)
    add_runs(connection, 3)

    first = client.post("/1/runs/redeliver", json={}).get_json()
    assert (first["count"], first["lost"], first["more"]) == (2, 0, True)
    document = f"<redelivery><cursor>{first['cursor']}</cursor></redelivery>"
    rest = client.post(
        "/1/runs/redeliver", data=document, headers={**XML, "Content-Type": "text/xml"}
    )

    assert etree.fromstring(rest.data).xpath("string(count)") == "1"
    assert one(connection, "SELECT count(*) FROM inflight") == 3


@pytest.mark.parametrize(
    ("document", "member"),
    [
        ({"state": "succeeded"}, "state"),
        ({"state": "taken"}, "state"),
        ({"state": 1}, "state"),
        ({"state": [None]}, "state"),
        ({"state": {"failed": True}}, "state"),
        ({"states": "failed"}, "states"),
        ({"job": ["x"]}, "job"),
        ({"job": "x"}, "job"),
        ({"after": 5}, "after"),
        ({"dryRun": "true"}, "dryRun"),
        ({"dryRun": 1}, "dryRun"),
        ({"dryrun": True}, "dryrun"),
        ({"cursor": "x"}, "cursor"),
        ({"limit": "5"}, "limit"),
        ([], None),
        ("failed", None),
    ],
)
def test_a_document_that_means_nothing_sends_nothing(
    client: FlaskClient, connection: psycopg.Connection, document: Any, member: str | None
) -> None:
    add_run(connection)
    assert refusal(client.post("/1/runs/redeliver", json=document)) == (400, member)
    assert one(connection, "SELECT count(*) FROM inflight") == 0


@pytest.mark.parametrize(
    ("inner", "member"),
    [
        ("<state>succeeded</state>", "state"),
        ("<state><failed/></state>", "state"),
        ("<state a='b'>failed</state>", "state"),
        ("<dryRun>yes</dryRun>", "dryRun"),
        ("<dryRun>true</dryRun><dryRun>true</dryRun>", "dryRun"),
        ("<job/>", "job"),
        ("<x:job xmlns:x='urn:x'/>", "job"),
        ("failed", None),
        ("<state>failed</state>dead", None),
    ],
)
def test_an_xml_document_that_means_nothing_sends_nothing(
    client: FlaskClient, connection: psycopg.Connection, inner: str, member: str | None
) -> None:
    add_run(connection)
    body = f"<redelivery>{inner}</redelivery>"
    answer = client.post("/1/runs/redeliver", data=body, content_type="text/xml")
    assert refusal(answer) == (400, member)
    assert one(connection, "SELECT count(*) FROM inflight") == 0


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"", "application/json", 400),
        (b"", "text/xml", 400),
        (b"", None, 415),
        (b"{}", "text/plain", 415),
        (b"<job/>", "text/xml", 400),
        (b" " * 70000, "application/json", 413),
    ],
)
def test_without_a_document_nothing_is_sent_again(
    client: FlaskClient, body: bytes, media_type: str | None, status: int
) -> None:
    answer = client.post("/1/runs/redeliver", data=body, content_type=media_type)
    assert answer.status_code == status


def test_the_documents_in_both_formats_mean_the_same() -> None:
    from_json = redelivery.read(Body(golden("redelivery.request.json"), "application/json"))
    assert from_json == redelivery.read(Body(golden("redelivery.request.xml"), "text/xml"))
    assert from_json.wanted.states == {RunState.FAILED, RunState.DEAD}
    assert from_json.is_dry_run
    everything = redelivery.read(Body(b"{}", "application/json"))
    assert everything == redelivery.read(Body(b"<redelivery/>", "text/xml"))
    assert not everything.is_dry_run


def test_a_redelivery_reads_its_document_and_refuses_what_is_in_the_query(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_runs(connection, 2)
    add_run(connection)
    for query, name in ((f"?job={JOB}&state=failed", "job"), ("?dryRun=true", "dryRun")):
        answer = client.post(f"/1/runs/redeliver{query}", json={"job": str(JOB)})
        assert refusal(answer) == (400, name)
        assert (
            "Members of the document are: state, kind, lastStatus, job"
            in answer.get_json()["remedy"]
        )
    answer = client.post(f"/1/runs/{FAILED}/redeliver?dryRun=true")
    assert refusal(answer) == (400, "dryRun")
    assert client.get(f"/1/runs/{FAILED}").get_json()["state"] == "failed"
    assert client.post("/1/runs/redeliver", json={"job": str(JOB)}).get_json()["count"] == 1


def test_an_empty_list_of_states_is_not_all_states(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_run(connection)
    answer = client.post("/1/runs/redeliver", json={"state": []})
    assert refusal(answer) == (400, "state")
    assert "without state both are meant" in answer.get_json()["remedy"]
    assert client.post("/1/runs/redeliver", json={"dryRun": True}).get_json()["count"] == 1
