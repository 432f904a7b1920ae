"""What Dapr's own tests send and are answered: the same here."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from flask.testing import FlaskClient

from tests.api.dapr.calls import JOBS, schedule
from tests.domain.dapr import vectors
from tests.domain.dapr.vectors import Vector
from tests.factories import one

# Dapr's releases before 1.16.15, 1.17.11 and 1.18.2 took fewer names.
NAMES = [each for each in vectors.of("job_name") if each.more["profile"].startswith("permissive")]


@pytest.mark.parametrize("vector", vectors.of("http"), ids=str)
def test_requests_are_answered_as_dapr_answers_them(dapr: FlaskClient, vector: Vector) -> None:
    answer = dapr.open(
        f"{JOBS}/{vector.input['name']}",
        method=vector.input["method"],
        data=vector.input["body"],
    )
    expected = vector.expected
    assert answer.status_code == expected["status"]
    if answer.status_code == 204:
        assert answer.data == b""
        return
    error = json.loads(answer.data)
    assert (error["errorCode"], error["message"]) == (expected["errorCode"], expected["message"])
    assert error["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "domain": "dapr.io",
            "metadata": {"appID": "job-service", "namespace": "default"},
            "reason": expected["errorCode"],
        }
    ]


@pytest.mark.parametrize("vector", vectors.of("http_sequence"), ids=str)
def test_sequences_of_requests(dapr: FlaskClient, vector: Vector) -> None:
    answers = [schedule(dapr, each["name"], each["body"]).status_code for each in vector.input]
    assert answers == vector.expected
    job = dapr.get(f"{JOBS}/overwrite1").get_json()
    assert (job["schedule"], job["repeats"]) == ("@weekly", 3)


@pytest.mark.parametrize("vector", vectors.of("http_get"), ids=str)
def test_a_job_is_shown_as_dapr_shows_it(dapr: FlaskClient, vector: Vector) -> None:
    assert schedule(dapr, "test", vector.input).status_code == 204
    assert dapr.get(f"{JOBS}/test").get_json() == vector.expected


@pytest.mark.parametrize("vector", NAMES, ids=str)
def test_names(dapr: FlaskClient, vector: Vector) -> None:
    answer = schedule(dapr, quote(vector.input, safe=""))
    assert answer.status_code == (204 if vector.expected == "valid" else 500)
    if answer.status_code == 500:
        error = answer.get_json()
        assert error["errorCode"] == "DAPR_SCHEDULER_SCHEDULE_JOB"
        assert "desc = job name is invalid" in error["message"]


@pytest.mark.parametrize("vector", vectors.of("trigger_body"), ids=str)
def test_data_is_stored_as_it_is_delivered(
    dapr: FlaskClient, connection: psycopg.Connection, vector: Vector
) -> None:
    body = f'{{"dueTime": "1h", "data": {vector.input}}}'
    assert schedule(dapr, "test", body).status_code == 204
    stored = one(connection, "SELECT data FROM job")
    assert stored.decode() == vector.input.strip()
    assert json.loads(stored) == json.loads(vector.expected)


def invalid() -> list[dict[str, Any]]:
    """What Dapr refuses to book, and how much of its message is known."""
    known = [({"schedule": each.input}, each.message) for each in vectors.of("cron_invalid")]
    named_times = [each for each in vectors.of("point_in_time") if each.is_error]
    known += [({"dueTime": each.input}, "") for each in named_times]
    known += [(each.input, "") for each in vectors.of("job_parse") if each.is_error]
    return [{"body": body, "said": said} for body, said in known]


@pytest.mark.parametrize("case", invalid(), ids=lambda case: json.dumps(case["body"]))
def test_what_cannot_be_scheduled_is_refused_as_by_the_scheduler(
    dapr: FlaskClient, case: dict[str, Any]
) -> None:
    answer = schedule(dapr, "test", case["body"])
    error = answer.get_json()
    assert (answer.status_code, error["errorCode"]) == (500, "DAPR_SCHEDULER_SCHEDULE_JOB")
    begin = (
        "failed to schedule job due to: rpc error: code = Unknown desc = job failed validation: "
    )
    assert error["message"].startswith(begin)
    assert case["said"] in error["message"]
    assert dapr.get(f"{JOBS}/test").status_code == 500
