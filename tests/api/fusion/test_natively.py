"""Fusion jobs on native routes: shown, called, ended, and never a 5xx."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.context import current_context
from app.domain.run import RunState
from app.service import keys
from tests.api.fusion.documents import CLEAN, DAILY, MOVIES, TASK, act, history, put, saved, status
from tests.api.fusion.runs import NONE, end_cancelled, settled, taken
from tests.factories import claim_all, connect, one


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def native_id(client: FlaskClient) -> str:
    (job,) = client.get("/1/jobs", headers={"Accept": "application/json"}).get_json()
    found: str = job["id"] if isinstance(job, dict) else job
    return found


@pytest.mark.parametrize("accept", ["application/json", "text/xml"])
@pytest.mark.parametrize("resource", [MOVIES, CLEAN])
def test_a_fusion_job_is_shown_in_native_terms(
    client: FlaskClient, resource: str, accept: str
) -> None:
    assert client.post("/api/tasks", json=TASK).status_code == 200
    if resource == MOVIES:
        client.delete("/api/tasks/clean-up")
    assert put(client, resource=resource).status_code == 200
    response = client.get(f"/1/jobs/{native_id(client)}", headers={"Accept": accept})
    assert response.status_code == 200
    assert resource in response.text


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


def test_who_called_a_job_natively_started_it_also_when_that_run_is_sent_again(
    app: Flask, client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client, NONE)
    job = native_id(client)
    with app.app_context():
        other = keys.create(current_context(), "account-1", "night watch")
    assert act(client)["accepted"]
    settled(connection, taken(connection), RunState.SUCCEEDED)
    fired = client.post(f"/1/jobs/{job}/fire", environ_overrides={"HTTP_X_API_KEY": other})
    assert status(client)["startedBy"] == "night watch"
    settled(connection, taken(connection), RunState.FAILED, 500)
    assert status(client)["startedBy"] == "night watch"
    assert client.post(f"/1/runs/{fired.get_json()['id']}/redeliver").status_code == 202
    assert (status(client)["status"], status(client)["startedBy"]) == ("running", "night watch")


def test_a_firing_that_a_pause_withdrew_ahead_of_its_time_is_no_run(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client)
    connection.execute("UPDATE due SET next_at = now() + interval '2 s'")
    assert len(claim_all(connection, ahead=2.5)) == 1
    assert client.post(f"/1/jobs/{native_id(client)}/pause").status_code == 200
    assert history(client) == []
    # The scheduler may come to it when its time is past.
    connection.execute("SELECT pg_sleep_until(max(due_at)) FROM inflight")
    end_cancelled(connection)
    assert one(connection, "SELECT state FROM run") == "cancelled"
    assert (history(client), "status" in status(client)) == ([], False)
