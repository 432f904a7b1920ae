"""Order: the run under way first, then as they ended; not as their times were due."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from flask.testing import FlaskClient

from app.domain.run import RunState
from tests.api.fusion.documents import MOVIES, after, history, saved, status
from tests.api.fusion.runs import NONE, begun, settled, taken
from tests.factories import claim_all, connect


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def overtaken(client: FlaskClient, connection: psycopg.Connection) -> str:
    """A run whose time came during one run and was overtaken by another: it runs last of all."""
    saved(client)
    first = begun(client, connection)
    connection.execute("UPDATE due SET held_at = now() - interval '1 minute'")
    settled(connection, first, RunState.SUCCEEDED)
    settled(connection, begun(client, connection), RunState.FAILED, 500)
    (claimed,) = claim_all(connection)
    return str(claimed.run_id)


def test_a_time_that_was_overtaken_is_shown_as_running(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    run = overtaken(client, connection)
    job = status(client)
    assert (job["status"], job["startedBy"]) == ("running", "schedule")
    assert [each["status"] for each in history(client)] == ["running", "failed", "success"]
    assert history(client, query="?limit=1")[0]["runId"] == run


def test_a_time_that_was_overtaken_is_the_last_run_when_it_is_over(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    run = overtaken(client, connection)
    settled(connection, taken(connection), RunState.SUCCEEDED)
    job = status(client)
    assert (job["status"], job["startedBy"]) == ("success", "schedule")
    assert history(client, query="?limit=1")[0]["runId"] == run
    assert [each["status"] for each in history(client)] == ["success", "failed", "success"]


def test_a_redelivered_run_is_shown_as_running(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client, NONE)
    first = begun(client, connection)
    settled(connection, first, RunState.FAILED, 500)
    settled(connection, begun(client, connection), RunState.SUCCEEDED)
    assert client.post(f"/1/runs/{first.id}/redeliver").status_code == 202
    assert status(client)["status"] == "running"
    assert [each["status"] for each in history(client)] == ["running", "success"]


def test_a_run_shows_who_started_it_even_if_its_chain_has_changed(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client, NONE)
    saved(client, after(MOVIES), "spark:next")
    settled(connection, begun(client, connection), RunState.SUCCEEDED)
    settled(connection, taken(connection), RunState.SUCCEEDED)
    saved(client, NONE, "spark:next")
    assert client.delete(f"/api/jobs/{MOVIES}").status_code == 204
    assert status(client, "spark:next")["startedBy"] == MOVIES
