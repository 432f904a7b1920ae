"""Actions of jobs: fire, pause and resume."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from flask.testing import FlaskClient
from lxml import etree

from tests.api.native.booked import ABSENT, OFTEN, ONCE, booked
from tests.api.native.test_run_routes import FAILED, XML, ids
from tests.factories import connect


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


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
def test_a_foreign_job_and_none_are_answered_alike(
    client: FlaskClient, other_client: FlaskClient, verb: str
) -> None:
    job_id = booked(client)["id"]
    foreign = other_client.post(f"/1/jobs/{job_id}/{verb}")
    unknown = other_client.post(f"/1/jobs/{ABSENT}/{verb}")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.text.replace(job_id, ABSENT) == unknown.text
    refused = client.post(f"/1/jobs/{job_id}/{verb}", headers={"Accept": "text/plain"})
    assert refused.status_code == 406
