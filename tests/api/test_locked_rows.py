"""Locked rows: the response names the lock, and does not say that the database is away."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.factories import connect


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
def test_a_job_that_stays_locked_is_reported_as_such(
    client: FlaskClient, database: str, method: str
) -> None:
    document = {"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}
    job = client.post("/1/jobs", json=document).headers["Location"]
    other = client.post("/1/jobs", json=document).headers["Location"]
    with connect(database) as holder, holder.transaction():
        holder.execute("SELECT FROM due WHERE job_id = %s FOR UPDATE", (job.split("/")[-1],))
        # It is waited for as long as the web waits for a lock: five seconds.
        answer = client.open(job, method=method, json=document)
        beside = client.open(other, method=method, json=document)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    problem = answer.get_json()
    assert problem["type"] == "/problems/unavailable"
    assert "is locked by another request" in problem["detail"]
    assert "cannot be reached" not in problem["detail"]
    assert beside.status_code in {200, 204}
    assert client.open(job, method=method, json=document).status_code in {200, 204}
