"""Fusion jobs on native routes: told, called, and ended there, and never a failure of ours."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.api.fusion.saved import CLEAN, DAILY, MOVIES, TASK, act, put, saved, status


def native_id(client: FlaskClient) -> str:
    (job,) = client.get("/1/jobs", headers={"Accept": "application/json"}).get_json()
    found: str = job["id"] if isinstance(job, dict) else job
    return found


@pytest.mark.parametrize("accept", ["application/json", "text/xml"])
@pytest.mark.parametrize("resource", [MOVIES, CLEAN])
def test_a_fusion_job_is_told_in_native_words(
    client: FlaskClient, resource: str, accept: str
) -> None:
    assert client.post("/api/tasks", json=TASK).status_code == 200
    if resource == MOVIES:
        client.delete("/api/tasks/clean-up")
    assert put(client, resource=resource).status_code == 200
    told = client.get(f"/1/jobs/{native_id(client)}", headers={"Accept": accept})
    assert told.status_code == 200
    assert resource in told.text


def test_a_fusion_job_is_called_and_ended_there(client: FlaskClient) -> None:
    saved(client)
    job = native_id(client)
    assert client.get(f"/1/jobs/by-name/{MOVIES}").status_code == 404
    fired = client.post(f"/1/jobs/{job}/fire")
    assert fired.status_code == 202
    assert status(client)["status"] == "running"
    assert client.post(f"/1/jobs/{job}/fire").status_code == 409
    assert client.get(f"/1/jobs/{job}/runs").get_json()[0]["kind"] == "manual"
    assert act(client, "abort")["accepted"]
    assert client.get(f"/1/runs/{fired.get_json()['id']}").get_json()["state"] == "cancelled"
    assert client.delete(f"/1/jobs/{job}").status_code == 204
    assert client.get(f"/api/jobs/{MOVIES}").status_code == 404


def test_a_native_job_of_the_same_name_is_another(client: FlaskClient) -> None:
    saved(client)
    native = {"url": "http://127.0.0.1/", "cron": "0 0 12 * * ?"}
    assert client.put(f"/1/jobs/by-name/{MOVIES}", json=native).status_code == 201
    assert client.get(f"/api/jobs/{MOVIES}/schedule").get_json() == {"resource": MOVIES, **DAILY}
    assert [each["resource"] for each in client.get("/api/jobs").get_json()] == [MOVIES]
