"""Preview of whole Fusion schedules: the next instants of all triggers as one list."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.fusion.documents import after

AFTER = "2030-01-01T00:00:00Z"
# As a server writes it: a member given twice.
TWICE = (
    '{"dialect": "fusion", "after": "2030-01-01T00:00:00Z", "triggers": '
    '[{"type": "cron", "enabled": true, "expression": "0 15 10 ? * MON-FRI", "type": "cron"}]}'
)


def preview(client: FlaskClient, **members: Any) -> TestResponse:
    return client.post("/1/preview", json={"dialect": "fusion", "after": AFTER, **members})


def test_all_triggers_together_give_one_list(client: FlaskClient) -> None:
    triggers = [
        {"type": "cron", "value": "0 0 */8 * * ?"},
        {"type": "interval", "startTime": AFTER, "interval": 6, "repeatUnit": "hours"},
        {"type": "cron", "value": "0 0 7 * * ?", "enabled": "false"},
        *after("datasource:movie-db")["triggers"],
    ]
    found = preview(client, triggers=triggers, count=6).get_json()
    assert [each["utc"][11:16] for each in found["next"]] == [
        *("06:00", "08:00", "12:00", "16:00", "18:00", "00:00"),
    ]
    assert found["minimumGap"] == 2 * 3600
    assert (found["bookable"], found["timezone"]) == (True, "UTC")
    assert "triggers[2] is disabled." in found["warnings"]
    assert any("runs when datasource:movie-db succeeds" in each for each in found["warnings"])


def test_a_disabled_schedule_has_nothing_to_come(client: FlaskClient) -> None:
    found = preview(client, enabled="False", triggers=[{"type": "cron", "value": "0 0 7 * * ?"}])
    assert found.get_json()["next"] == []


def test_a_schedule_that_may_not_be_saved_is_refused_with_its_reason(client: FlaskClient) -> None:
    never = [{"type": "cron", "expression": "0 0 0 30 2 ?"}]
    found = preview(client, triggers=never).get_json()
    assert not found["bookable"]
    assert "never matches a date that exists" in found["reasons"][0]
    found = preview(client, resource="spark:a", **after("spark:a")).get_json()
    assert "spark:a -> spark:a" in found["reasons"][0]


def test_a_member_given_twice_alike_counts_once(client: FlaskClient) -> None:
    answer = client.post("/1/preview", data=TWICE, content_type="application/json")
    assert answer.status_code == 200
    assert answer.get_json()["next"][0]["utc"] == "2030-01-01T10:15:00Z"
    two = TWICE.replace('"type": "cron"}', '"type": "interval"}')
    refused = client.post("/1/preview", data=two, content_type="application/json")
    assert (refused.status_code, refused.get_json()["member"]) == (400, "type")
    # A booking is read as strictly as ever.
    job = '{"url": "http://127.0.0.1/", "cron": "0 0 7 * * ?", "cron": "0 0 7 * * ?"}'
    strict = client.post("/1/jobs", data=job, content_type="application/json")
    assert (strict.status_code, strict.get_json()["member"]) == (400, "cron")


@pytest.mark.parametrize(
    ("members", "member"),
    [
        ({}, "triggers"),
        ({"triggers": "x"}, "triggers"),
        ({"triggers": [{"type": "cron", "value": 7}]}, "triggers[0].value"),
        ({"triggers": [], "cron": "0 0 7 * * ?"}, "cron"),
        ({"triggers": [], "resource": "x"}, "resource"),
        ({"triggers": [{"type": "interval", "interval": 1.5}]}, "triggers[0].interval"),
        ({"triggers": [{"type": "cron", "value": "\ud800"}]}, "triggers[0].value"),
    ],
)
def test_what_cannot_be_read_is_refused(
    client: FlaskClient, members: dict[str, Any], member: str
) -> None:
    refused = client.post(
        "/1/preview",
        data=json.dumps({"dialect": "fusion", **members}),
        content_type="application/json",
    )
    assert (refused.status_code, refused.get_json()["member"]) == (400, member)


def test_a_whole_schedule_has_no_form_in_xml(client: FlaskClient) -> None:
    body = "<preview><dialect>fusion</dialect><triggers>x</triggers></preview>"
    refused = client.post("/1/preview", data=body, content_type="text/xml")
    assert (refused.status_code, refused.get_json()["member"]) == (400, "triggers")
