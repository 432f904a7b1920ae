"""Runs over HTTP: filtered, paged, sent again one by one and together, and made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient
from lxml import etree
from uuid6 import uuid7
from werkzeug.test import TestResponse

from app.api.native.codecs.reader import Body
from app.api.native.documents import redelivery, run_cursor
from app.domain.run import Position, RunState
from app.store import run_list
from tests.api.golden import golden
from tests.api.native.booked import ABSENT, JSON, OFTEN, ONCE, booked
from tests.api.native.test_runs import AT, LATE
from tests.factories import connect, one

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


def test_pages_follow_one_another_until_there_is_no_more(
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


def test_the_list_is_the_account_s_own(
    client: FlaskClient, stranger: FlaskClient, connection: psycopg.Connection
) -> None:
    add_run(connection)
    assert ids(stranger.get(f"/1/runs?job={JOB}")) == ids(stranger.get("/1/runs")) == []
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


def test_a_foreign_run_and_none_are_told_alike(
    client: FlaskClient, stranger: FlaskClient, connection: psycopg.Connection
) -> None:
    add_run(connection)
    foreign = stranger.post(f"/1/runs/{FAILED}/redeliver")
    unknown = stranger.post(f"/1/runs/{ABSENT}/redeliver")

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


def test_a_job_is_called_by_hand(client: FlaskClient) -> None:
    job = booked(client, OFTEN)

    answer = client.post(f"/1/jobs/{job['id']}/fire")

    run = answer.get_json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/1/runs/{run['id']}"
    assert (run["job"], run["kind"], run["state"]) == (job["id"], "manual", "claimed")
    assert client.get(answer.headers["Location"]).get_json() == run
    assert ids(client.get("/1/runs?state=claimed")) == [run["id"]]
    assert client.get(f"/1/jobs/{job['id']}").get_json() == job
    in_xml = client.post(f"/1/jobs/{job['id']}/fire", headers=XML)
    assert etree.fromstring(in_xml.data).findtext("kind") == "manual"


@pytest.mark.parametrize("document", [ONCE, OFTEN])
def test_a_job_is_paused_and_resumed(client: FlaskClient, document: dict[str, str]) -> None:
    job = booked(client, document)
    path = f"/1/jobs/{job['id']}"
    paused = {name: value for name, value in job.items() if name != "next"} | {"enabled": False}
    for _ in range(2):
        answer = client.post(f"{path}/pause")
        assert (answer.status_code, answer.get_json()) == (200, paused)
    assert client.get(path).get_json() == paused
    in_xml = client.post(f"{path}/pause", headers=XML)
    assert etree.fromstring(in_xml.data).findtext("enabled") == "false"
    for _ in range(2):
        answer = client.post(f"{path}/resume")
        assert (answer.status_code, answer.get_json()) == (200, job)
    assert client.get(path).get_json() == job


def test_what_cannot_be_resumed_says_why_in_the_format_asked_for(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    job = booked(client, ONCE)
    path = f"/1/jobs/{job['id']}"
    client.post(f"{path}/pause")
    connection.execute(
        "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
        " attempts, settled_at) SELECT %s, id, account_id, 1, 'scheduled', %s, 0, 'succeeded', 1,"
        " now() FROM job",
        (FAILED, ONCE["when"]),
    )

    answer = client.post(f"{path}/resume", headers=XML)

    assert answer.status_code == 409
    assert answer.content_type == "application/problem+xml; charset=utf-8"
    assert b"was already made" in answer.data
    put = client.put(path, json=ONCE)
    assert (put.status_code, put.get_json()["member"]) == (409, "when")
    assert json.loads(client.get(path).data)["enabled"] is False


@pytest.mark.parametrize("verb", ["fire", "pause", "resume"])
def test_a_foreign_job_and_none_are_told_alike(
    client: FlaskClient, stranger: FlaskClient, verb: str
) -> None:
    job_id = booked(client)["id"]
    foreign = stranger.post(f"/1/jobs/{job_id}/{verb}")
    unknown = stranger.post(f"/1/jobs/{ABSENT}/{verb}")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.text.replace(job_id, ABSENT) == unknown.text
    refused = client.post(f"/1/jobs/{job_id}/{verb}", headers={"Accept": "text/plain"})
    assert refused.status_code == 406


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
