"""A web process whose database is yet to be migrated to its release."""

from __future__ import annotations

import psycopg
import pytest
import structlog
from flask.testing import FlaskClient

from app.api import unavailable_log

JOB = {"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}


@pytest.mark.parametrize(
    "change",
    [b"ALTER TABLE job RENAME COLUMN url TO link", b"ALTER TABLE due RENAME TO overdue"],
)
def test_requests_get_503_and_one_line_says_why(
    client: FlaskClient, database: str, change: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is, all four requests come within the interval of one line.
    monkeypatch.setattr(unavailable_log, "INTERVAL_S", 3600.0)
    location = client.post("/1/jobs", json=JOB).headers["Location"]
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(change)

    with structlog.testing.capture_logs() as lines:
        answers = [
            client.post("/1/jobs", json=JOB),
            client.get(location),
            client.put(location, json=JOB),
            client.post("/1/jobs/bulk", json=[JOB, JOB]),
        ]

    assert [each.status_code for each in answers] == [503] * 4
    for answer in answers:
        assert answer.headers["Retry-After"]
        assert "yet to be migrated" in answer.get_json()["detail"]
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("request.unavailable", "warning")
    assert "yet to be migrated" in line["reason"]
    assert "does not exist" in line["error"]
