"""Chains over HTTP: which ends of runs start other jobs, and which do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.context import current_context
from app.domain.run import RunState
from app.service import keys
from tests.api.fusion.documents import MOVIES, act, after, history, saved, status
from tests.api.fusion.runs import NONE, begun, end_cancelled, settled, taken
from tests.factories import claim_all, connect, one


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def test_a_chain_starts_with_the_end_of_the_job_before(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client, NONE)
    for resource, how in (("spark:good", "on_success"), ("spark:bad", "on_failure")):
        saved(client, after(MOVIES, how), resource)
    saved(
        client, {"triggers": [{"type": "job", "jobID": MOVIES, "runOnAbort": "True"}]}, "spark:no"
    )
    for resource, state in (
        ("spark:good", RunState.SUCCEEDED),
        ("spark:bad", RunState.FAILED),
        ("spark:no", RunState.CANCELLED),
    ):
        run = begun(client, connection)
        if state is RunState.CANCELLED:
            assert act(client, "abort")["accepted"]
        else:
            assert settled(connection, run, state, 200 if state is RunState.SUCCEEDED else 500)
        (found,) = connection.execute(
            "SELECT j.name, i.kind FROM inflight i JOIN job j ON j.id = i.job_id"
        ).fetchall()
        assert found == (resource, "chained")
        job = status(client, resource)
        assert (job["status"], job["startedBy"]) == ("running", MOVIES)
        assert settled(connection, taken(connection), RunState.SUCCEEDED)
        assert [each["status"] for each in history(client, resource)] == ["success"]


def test_a_job_shows_who_started_it(
    app: Flask, client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client, NONE)
    assert "startedBy" not in status(client)
    with app.app_context():
        other = keys.create(current_context(), "account-1", "")
    settled(connection, begun(client, connection), RunState.SUCCEEDED)
    assert status(client)["startedBy"] == "first"
    key_id = other[3:13]
    answer = client.post(
        f"/api/jobs/{MOVIES}/actions",
        json={"action": "start"},
        environ_overrides={"HTTP_X_API_KEY": other},
    )
    assert answer.get_json()["accepted"]
    assert status(client)["startedBy"] == key_id
    settled(connection, taken(connection), RunState.SUCCEEDED)
    saved(client)
    connection.execute("UPDATE due SET next_at = now() + interval '0.25 s'")
    assert len(claim_all(connection)) == 1
    assert status(client)["startedBy"] == "schedule"


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("document", [NONE, {"triggers": [], "enabled": False}])
def test_a_firing_withdrawn_ahead_of_its_time_is_no_run_and_no_end(
    client: FlaskClient, connection: psycopg.Connection, document: Any, *, late: bool
) -> None:
    saved(client, after(MOVIES, "on_completion"), "spark:next")
    saved(client)
    connection.execute("UPDATE due SET next_at = now() + interval '2 s' WHERE next_at > now()")
    (claimed,) = claim_all(connection, ahead=2.5)
    saved(client, document)
    assert (history(client), "status" in status(client)) == ([], False)
    if document is NONE:
        # The scheduler may come to it when its time is past.
        if late:
            connection.execute("SELECT pg_sleep_until(max(due_at)) FROM inflight")
        end_cancelled(connection)
    assert one(connection, "SELECT id FROM run") == claimed.run_id
    assert one(connection, "SELECT count(*) FROM inflight") == 0
    assert (history(client), "status" in status(client)) == ([], False)
