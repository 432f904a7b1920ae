"""Crontab expressions over HTTP: taken wherever `cron` is, and read back as they were written."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from lxml import etree

from tests.api.native.booked import JSON, booked, ids, xml_of

CRON = "30 9 1,15 * mon-FRI"
URL = "https://example.com/wake"
XML = {"Accept": "text/xml"}


@pytest.mark.parametrize("cron", [CRON, "@Weekly", "0  9-17\t* * 7"])
def test_it_is_read_back_as_written(client: FlaskClient, cron: str) -> None:
    made = booked(client, {"url": URL, "cron": cron})
    assert made["cron"] == cron
    path = f"/1/jobs/{made['id']}"
    assert client.get(path, headers=JSON).get_json()["cron"] == cron
    assert etree.fromstring(client.get(path, headers=XML).data).findtext("cron") == cron
    assert client.put(path, json=made).status_code == 200
    assert client.get("/1/upcoming", headers=JSON).get_json()[0]["cron"] == cron


def test_xml_takes_it(client: FlaskClient) -> None:
    sent = xml_of({"url": URL, "cron": CRON, "timezone": "Europe/Berlin"})
    made = client.post("/1/jobs", data=sent, headers={"Content-Type": "text/xml", **JSON})
    assert made.status_code == 201, made.text
    assert made.get_json()["cron"] == CRON
    assert made.get_json()["timezone"] == "Europe/Berlin"


@pytest.mark.parametrize("cron", ["*/20 9-17 * * 1-5", "@daily"])
def test_an_address_takes_it(client: FlaskClient, cron: str) -> None:
    path = f"/1/jobs/{quote(cron, safe='')}/{quote(URL, safe='')}"
    made = client.post(path, headers=JSON)
    assert made.status_code == 201, made.text
    assert made.get_json()["cron"] == cron


def test_jobs_in_bulk_take_it(client: FlaskClient) -> None:
    jobs = [{"url": URL, "cron": CRON}, {"url": URL, "cron": "0 0 9 L * ?"}]
    made = client.post("/1/jobs/bulk", json=jobs, headers=JSON)
    assert [each["cron"] for each in made.get_json()] == [CRON, "0 0 9 L * ?"]
    wrong = client.post("/1/jobs/bulk", json=[*jobs, {"url": URL, "cron": "0 9 L * *"}])
    assert wrong.get_json()["member"] == "[2].cron"
    assert len(ids(client)) == 2


def test_a_job_by_name_takes_it_and_is_left_alone_when_it_is_equal(client: FlaskClient) -> None:
    path, document = "/1/jobs/by-name/nightly", {"url": URL, "cron": CRON}
    made = client.put(path, json=document, headers=JSON)
    assert (made.status_code, made.get_json()["cron"]) == (201, CRON)
    assert client.put(path, json=document, headers=JSON).get_json() == made.get_json()
    changed = client.put(path, json={**document, "cron": "@monthly"}, headers=JSON)
    assert (changed.status_code, changed.get_json()["cron"]) == (200, "@monthly")


def shown(client: FlaskClient, **members: Any) -> dict[str, Any]:
    answer = client.post("/1/preview", json={"after": "2026-11-22T05:30:00Z", **members})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.get_json()
    return document


def test_a_preview_shows_it_in_words(client: FlaskClient) -> None:
    document = shown(client, cron="0 9 13 * FRI", timezone="Europe/Berlin", count=3)
    assert document["summary"] == (
        "at 09:00 on the 13th of the month, and also on Friday, Europe/Berlin"
    )
    assert [each["local"][:16] for each in document["next"]] == [
        "2026-11-27T09:00",
        "2026-12-04T09:00",
        "2026-12-11T09:00",
    ]
    assert document["minimumGap"] == 86_400
    assert document["warnings"][0] == (
        "day-of-month and day-of-week: both are given, and either is enough: on the 13th of the "
        "month, and also on Friday."
    )
    assert not shown(client, cron="*/5 * * * *")["bookable"]


@pytest.mark.parametrize(
    ("cron", "reason", "remedy"),
    [
        ("*/5 * * * *", "fires again after 300 seconds", "at least 600 seconds"),
        ("0 0 30 2 *", "never fires again", "a date that exists"),
        ("0 15 10 ? *", '"?" at character 9, which only Quartz has', "Put seconds before"),
        ("0 0 L * *", '"L", which only Quartz has', "Put seconds before"),
        ("0 9 * *", "has 4 fields; one of crontab has five", "seconds before them"),
        ("5/10 9 * * *", 'step after "5" alone', "5-59/10"),
    ],
)
def test_a_refusal_names_the_member_the_reason_and_the_remedy(
    client: FlaskClient, cron: str, reason: str, remedy: str
) -> None:
    answer = client.post("/1/jobs", json={"url": URL, "cron": cron})
    problem = answer.get_json()
    assert (answer.status_code, problem["member"]) == (400, "cron")
    assert reason in problem["detail"]
    assert remedy in problem["remedy"]
    assert ids(client) == []


def test_other_dialects_do_not_take_it(client: FlaskClient) -> None:
    asked = {"dialect": "fusion", "triggers": [{"type": "cron", "value": "30 9 * * 1"}]}
    refused = client.post("/1/preview", json=asked)
    assert refused.status_code == 400
    assert "a Quartz expression has six or seven" in refused.get_json()["detail"]
    dapr = client.post("/1/preview", json={"dialect": "dapr", "schedule": "30 9 * * 1"})
    assert dapr.status_code == 400
    assert "expected exactly 6 fields" in dapr.get_json()["detail"]
