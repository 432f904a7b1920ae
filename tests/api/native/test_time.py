"""Time zones over HTTP: booked, shown, sent again, and distinct from jobs without one."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.domain import zones
from tests.api.native.booked import JSON, OFTEN, ONCE, booked, ids, xml_of

ZONED = {**OFTEN, "timezone": "America/New_York"}
RULED = {**ZONED, "onGap": "next", "onOverlap": "both"}


@pytest.mark.parametrize("accept", ["application/json", "text/xml"])
@pytest.mark.parametrize("document", [ZONED, RULED, {**ZONED, "timezone": "UTC"}])
def test_a_job_in_a_zone_reads_back_as_it_was_booked_and_can_be_put(
    client: FlaskClient, document: dict[str, str], accept: str | None
) -> None:
    created = client.post(
        "/1/jobs",
        data=xml_of(document),
        headers={"Content-Type": "text/xml", "Accept": accept},
    )
    assert created.status_code == 201
    path = created.headers["Location"]
    got = client.get(path, headers={"Accept": accept})
    assert got.data == created.data
    put = client.put(path, data=got.data, headers={"Content-Type": accept, "Accept": accept})
    assert (put.status_code, put.data) == (200, got.data)
    shown = client.get(path).get_json()
    assert {name: shown[name] for name in document} == document
    assert shown.keys() == {"id", "account", "next", *document}
    assert list(shown)[-2 - len(document) + 2 : -1] == list(document)[1:]
    for answer in (created, got, put):
        assert answer.headers["Wakecall-Tzdata"] == zones.VERSION


def test_next_is_in_utc_and_follows_the_zone(client: FlaskClient) -> None:
    utc = booked(client, OFTEN)["next"]
    tokyo = booked(client, {**OFTEN, "timezone": "Asia/Tokyo"})["next"]
    assert utc.endswith("T10:15:00Z")
    assert tokyo.endswith("T01:15:00Z")


@pytest.mark.parametrize("document", [OFTEN, ONCE])
def test_answers_without_a_zone_name_none(client: FlaskClient, document: dict[str, Any]) -> None:
    created = client.post("/1/jobs", json=document, headers=JSON)
    assert "Wakecall-Tzdata" not in created.headers
    assert "timezone" not in created.text


def test_a_job_loses_its_zone_when_it_is_replaced_without_one(client: FlaskClient) -> None:
    path = f"/1/jobs/{booked(client, RULED)['id']}"
    assert client.put(path, json=OFTEN).status_code == 200
    got = client.get(path)
    assert got.get_json().keys() == {"id", "account", "url", "cron", "next"}
    assert "Wakecall-Tzdata" not in got.headers


@pytest.mark.parametrize(
    ("when", "rules", "instant"),
    [
        ("2099-07-01T12:00:00", {}, "2099-07-01T16:00:00Z"),
        ("20990701T120000.5", {}, "2099-07-01T16:00:00.5Z"),
        ("2099-11-01T01:30", {}, "2099-11-01T06:30:00Z"),
        ("2099-11-01T01:30", {"onOverlap": "first"}, "2099-11-01T05:30:00Z"),
        ("2099-11-01T01:30", {"onOverlap": "second"}, "2099-11-01T06:30:00Z"),
        ("2099-03-08T02:30", {"onGap": "next"}, "2099-03-08T07:00:00Z"),
        ("2099-03-08T02:00", {"onGap": "next"}, "2099-03-08T07:00:00Z"),
        ("2099-03-08T02:59:59.999999", {"onGap": "next"}, "2099-03-08T07:00:00Z"),
        ("2099-03-08T03:00", {"onGap": "skip"}, "2099-03-08T07:00:00Z"),
    ],
)
def test_when_without_an_offset_is_read_in_the_zone(
    client: FlaskClient, when: str, rules: dict[str, str], instant: str
) -> None:
    job = booked(client, {**ONCE, "when": when, "timezone": "America/New_York", **rules})
    assert job["when"] == instant
    assert job.keys() == {"id", "account", "url", "when"}


@pytest.mark.parametrize("when", ["2099-03-08T02:00", "2099-03-08T02:30", "2099-03-08T02:59:59"])
def test_when_that_does_not_exist_is_refused_with_the_change(
    client: FlaskClient, when: str
) -> None:
    answer = client.post("/1/jobs", json={**ONCE, "when": when, "timezone": "America/New_York"})
    assert answer.status_code == 400
    assert "2099-03-08T07:00:00Z" in answer.get_json()["detail"]
    assert "next" in answer.get_json()["remedy"]


# Dry runs.

BY_PATH = "/1/jobs/0+15+10+%3F+*+*/http%3A%2F%2F127.0.0.1%2Fa%3FdryRun%3Dfalse"


def test_a_dry_run_answers_what_would_be_booked_and_stores_nothing(client: FlaskClient) -> None:
    for document in (ONCE, OFTEN, RULED, {**OFTEN, "enabled": False}):
        answer = client.post("/1/jobs?dryRun=true", json=document)
        assert answer.status_code == 200
        assert "Location" not in answer.headers
        real = booked(client, document)
        del real["id"]
        assert answer.get_json() == real
        assert client.delete(f"/1/jobs/{ids(client)[0]}").status_code == 204
    answer = client.post(
        "/1/jobs?dryRun=true",
        data=xml_of(ONCE),
        headers={"Content-Type": "text/xml", "Accept": "text/xml"},
    )
    assert b"<account>account-1</account>\n  <url>" in answer.data
    answer = client.post("/1/jobs?dryRun=true", json=ONCE, headers={"Accept": "text/plain"})
    assert (answer.status_code, answer.data) == (200, b"")
    answer = client.post(f"{BY_PATH}?dryRun=true", data=b"x")
    assert (answer.status_code, answer.get_json()["data"]) == (200, "x")
    assert answer.get_json()["url"] == "http://127.0.0.1/a?dryRun=false"
    assert ids(client) == []


def test_a_dry_run_refuses_what_a_booking_refuses(client: FlaskClient) -> None:
    for document in (
        {**OFTEN, "cron": "0 0/5 * * * ?"},
        {**ONCE, "when": "2011-05-11T15:30:00Z"},
        {**ONCE, "url": "http://10.0.0.1/"},
        {**ONCE, "data": "x" * 2049},
        {**ONCE, "signature": "é"},
        {**ONCE, "x": "y"},
        {},
    ):
        wanted = client.post("/1/jobs", json=document)
        answer = client.post("/1/jobs?dryRun=true", json=document)
        assert (answer.status_code, answer.data) == (wanted.status_code, wanted.data)
        assert answer.status_code in {400, 413}
    assert client.post(f"{BY_PATH}?dryRun=true", data=b"x" * 2049).status_code == 413


@pytest.mark.parametrize("value", ["", "1", "TRUE", "yes", "true,false"])
def test_a_value_that_is_not_a_boolean_is_refused(client: FlaskClient, value: str) -> None:
    for path in ("/1/jobs", BY_PATH):
        answer = client.post(f"{path}?dryRun={value}", json=ONCE)
        assert (answer.status_code, answer.get_json()["member"]) == (400, "dryRun")
    assert ids(client) == []


def test_without_a_dry_run_a_booking_is_one(client: FlaskClient) -> None:
    answer = client.post("/1/jobs?dryRun=false", json=ONCE)
    assert (answer.status_code, [answer.text]) == (201, ids(client))
