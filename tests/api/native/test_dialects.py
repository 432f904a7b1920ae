"""Jobs of other dialects on the native routes: shown, paused, called, ended, not replaced."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import etree
from psycopg.types.json import Jsonb

from tests.api.native.booked import JSON, ONCE, booked, ids
from tests.factories import connect

APP = "/1/dapr-apps/job-service"


@pytest.fixture
def dapr_job(client: FlaskClient) -> str:
    """The id of a Dapr job of the client's account."""
    client.put(APP, json={"url": "http://127.0.0.1:6200"})
    sent = {"schedule": "@every 1h", "repeats": 5, "data": {"b": 1}}
    assert client.post("/v1.0/jobs/R2-D2", json=sent).status_code == 204
    (job_id,) = ids(client)
    return job_id


def shown(client: FlaskClient, job_id: str) -> dict[str, Any]:
    answer = client.get(f"/1/jobs/{job_id}", headers=JSON)
    assert answer.status_code == 200
    members: dict[str, Any] = answer.get_json()
    return members


def test_it_is_shown_in_native_words(client: FlaskClient, dapr_job: str) -> None:
    members = shown(client, dapr_job)
    assert members.pop("next").endswith("Z")
    assert members == {
        "id": dapr_job,
        "account": "account-1",
        "contentType": "application/json",
        "data": '{"b": 1}',
        "name": "R2-D2",
        "timeout": 60,
        "misfire": "all",
        "dialect": "dapr",
        "endpoint": "job-service",
        "schedule": "@every 1h",
        "remaining": 5,
    }
    job = etree.fromstring(client.get(f"/1/jobs/{dapr_job}", headers={"Accept": "text/xml"}).data)
    assert job.findtext("dialect") == "dapr"
    assert (job.findtext("schedule"), job.findtext("remaining")) == ("@every 1h", "5")


def test_a_one_shot_shows_its_instant(client: FlaskClient, dapr_job: str) -> None:
    due = "2099-01-01T00:00:00Z"
    assert client.post("/v1.0/jobs/C-3PO", json={"dueTime": due}).status_code == 204
    (job_id,) = set(ids(client)) - {dapr_job}
    members = shown(client, job_id)
    assert members["when"] == due
    assert {"next", "schedule", "remaining", "data", "url", "cron"} & members.keys() == set()


def test_a_foreign_job_is_replaced_by_its_own_dialect_only(
    client: FlaskClient, dapr_job: str
) -> None:
    refused = client.put(f"/1/jobs/{dapr_job}", json=ONCE)
    problem = refused.get_json()
    assert (refused.status_code, problem["member"]) == (409, "id")
    assert "POST /v1.0/jobs/<name>" in problem["remedy"]
    assert shown(client, dapr_job)["schedule"] == "@every 1h"


def test_native_names_are_apart(client: FlaskClient, dapr_job: str) -> None:
    assert client.get("/1/jobs/by-name/R2-D2").status_code == 404
    own = booked(client, {**ONCE, "name": "R2-D2"})
    assert own["id"] != dapr_job
    assert client.delete("/1/jobs/by-name/R2-D2").status_code == 204
    assert ids(client) == [dapr_job]


@pytest.mark.parametrize("member", ["dialect", "endpoint", "schedule", "remaining"])
def test_what_is_only_shown_is_not_taken(client: FlaskClient, member: str) -> None:
    refused = client.post("/1/jobs", json={**ONCE, member: "dapr"})
    assert (refused.status_code, refused.get_json()["member"]) == (400, member)
    body = f"<job><url>https://example.com/</url><{member}>1</{member}></job>"
    refused = client.post("/1/jobs", data=body, headers={"Content-Type": "text/xml", **JSON})
    assert (refused.status_code, refused.get_json()["member"]) == (400, member)


def test_it_is_paused_resumed_called_and_deleted(client: FlaskClient, dapr_job: str) -> None:
    path = f"/1/jobs/{dapr_job}"
    paused = client.post(f"{path}/pause", headers=JSON).get_json()
    assert (paused["enabled"], "next" in paused, paused["remaining"]) == (False, False, 5)
    assert client.get("/v1.0/jobs/R2-D2").status_code == 200
    resumed = client.post(f"{path}/resume", headers=JSON).get_json()
    assert ("enabled" in resumed, "next" in resumed) == (False, True)
    called = client.post(f"{path}/fire", headers=JSON)
    assert called.status_code == 202
    overlapping = client.post(f"{path}/fire", headers=JSON)
    assert (overlapping.status_code, "must not overlap" in overlapping.text) == (409, True)
    assert len(client.get(f"{path}/runs", headers=JSON).get_json()) == 1
    assert client.delete(path).status_code == 204
    assert client.get("/v1.0/jobs/R2-D2").status_code == 500


def test_one_that_is_over_is_not_resumed(client: FlaskClient, dapr_job: str, database: str) -> None:
    client.post(f"/1/jobs/{dapr_job}/pause")
    past = {"schedule": "@every 1h", "start": "2020-01-01T00:00:00Z"}
    ended = Jsonb({"kind": "ticks", **past, "until": "2020-01-02T00:00:00Z"})
    with connect(database) as connection:
        connection.execute("UPDATE job SET trigger = %s", (ended,))
    refused = client.post(f"/1/jobs/{dapr_job}/resume", headers=JSON)
    problem = refused.get_json()
    assert (refused.status_code, "through the Dapr API" in problem["remedy"]) == (409, True)


def test_preview_knows_the_dialect(client: FlaskClient) -> None:
    asked = {
        "dialect": "dapr",
        "schedule": "@every 90s",
        "dueTime": "10s",
        "ttl": "3m",
        "repeats": 9,
        "after": "2026-01-01T00:00:00Z",
    }
    found = client.post("/1/preview", json=asked).get_json()
    times = [each["utc"] for each in found["next"]]
    assert times == ["2026-01-01T00:00:10Z", "2026-01-01T00:01:40Z", "2026-01-01T00:03:10Z"]
    assert (found["minimumGap"], found["bookable"]) == (90, True)
    body = (
        "<preview><dialect>dapr</dialect><schedule>@hourly</schedule><repeats>2</repeats></preview>"
    )
    response = client.post(
        "/1/preview", data=body, headers={"Content-Type": "text/xml", "Accept": "text/xml"}
    )
    assert len(list(etree.fromstring(response.data).iterfind("next/firing"))) == 2


@pytest.mark.parametrize(
    ("members", "member"),
    [
        ({"schedule": "* * *"}, "schedule"),
        ({"schedule": 5}, "schedule"),
        ({"dueTime": "never"}, "dueTime"),
        ({"schedule": "@daily", "repeats": -1}, "repeats"),
        ({"schedule": "@daily", "repeats": [1]}, "repeats"),
        ({"schedule": "@daily", "cron": "x"}, "cron"),
    ],
)
def test_what_cannot_be_previewed_is_refused(
    client: FlaskClient, members: dict[str, Any], member: str
) -> None:
    refused = client.post("/1/preview", json={"dialect": "dapr", **members})
    assert (refused.status_code, refused.get_json()["member"]) == (400, member)
