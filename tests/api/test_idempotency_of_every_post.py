"""Every POST route: what it does is undone if its response cannot be stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.service import idempotency as service
from app.service import runs as run_service
from tests.api.fusion.documents import TASK, saved
from tests.api.native.booked import ONCE, booked
from tests.api.native.test_run_routes import FAILED, add_run, add_runs
from tests.api.routes import rules
from tests.api.test_idempotency import BY_PATH, Sample, post, replayed
from tests.factories import connect, one


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def paused(client: FlaskClient) -> str:
    job_id: str = booked(client, {**ONCE, "enabled": False})["id"]
    return job_id


def failed(connection: psycopg.Connection) -> UUID:
    add_run(connection)
    return FAILED


def failures(connection: psycopg.Connection) -> dict[str, str]:
    """What asks for more than one batch of failed runs."""
    add_runs(connection, 3)
    return {"state": "failed"}


def of_an_app(client: FlaskClient) -> str:
    """The name of a Dapr job to be, whose app there is."""
    client.put("/1/dapr-apps/job-service", json={"url": "http://127.0.0.1:6200"})
    return "R2-D2"


SAMPLES: dict[str, Sample] = {
    "native.create_job": lambda *_: ("/1/jobs", ONCE),
    "native.create_jobs": lambda *_: ("/1/jobs/bulk", [ONCE, ONCE]),
    "native.create_job_by_path": lambda *_: (BY_PATH, "payload"),
    "native.pause_job": lambda client, _: (f"/1/jobs/{booked(client)['id']}/pause", None),
    "native.resume_job": lambda client, _: (f"/1/jobs/{paused(client)}/resume", None),
    "native.fire_job": lambda client, _: (f"/1/jobs/{booked(client)['id']}/fire", None),
    "native.redeliver_run": lambda _, connection: (f"/1/runs/{failed(connection)}/redeliver", None),
    "native.redeliver_runs": lambda _, connection: ("/1/runs/redeliver", failures(connection)),
    "fusion.act": lambda client, _: (
        f"/api/jobs/{saved(client)['resource']}/actions",
        {"action": "start"},
    ),
    "fusion_tasks.create_task": lambda *_: ("/api/tasks", TASK),
    "dapr.schedule_job": lambda client, _: (f"/v1.0/jobs/{of_an_app(client)}", {"dueTime": "1h"}),
    "native.create_inbox": lambda *_: ("/1/inboxes", {"label": "orders"}),
    "native.create_key": lambda *_: ("/1/keys", {"scope": "read"}),
    "native.rotate_secret": lambda *_: ("/1/secrets/rotate", {"overlap": 60}),
}


NATURALLY_IDEMPOTENT = {"native.complete_run", "native.preview_schedule"}
"""POST routes that give the same result when repeated, and do not read the key."""


def contents(connection: psycopg.Connection) -> dict[str, list[Any]]:
    """Every row there is, and which transaction wrote it; but for how quota is shared out.

    That is no part of what a request does.
    """
    tables = connection.execute(
        "SELECT table_name::text FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        " AND table_name NOT IN ('usage', 'usage_slot')"
    ).fetchall()
    return {
        name: connection.execute(f'SELECT xmin::text, * FROM "{name}" ORDER BY 2, 1').fetchall()
        for (name,) in tables
    }


def test_there_is_a_sample_for_every_post(app: Flask) -> None:
    posts = {rule.endpoint for rule in rules(app) if "POST" in (rule.methods or ())}
    assert set(SAMPLES) | NATURALLY_IDEMPOTENT == posts


@pytest.mark.parametrize("endpoint", SAMPLES)
def test_what_a_post_did_is_undone_where_its_answer_cannot_be_kept(
    endpoint: str,
    client: FlaskClient,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_service, "_BATCH", 2)
    path, json = SAMPLES[endpoint](client, connection)
    before = contents(connection)
    booked = one(connection, "SELECT coalesce(sum(jobs), 0) FROM usage_slot")
    with monkeypatch.context() as patched:
        patched.setattr(service, "MAX_ANSWER", -1)
        assert post(client, path, json=json).status_code == 413
    assert contents(connection) == before
    assert one(connection, "SELECT coalesce(sum(jobs), 0) FROM usage_slot") == booked

    done = post(client, path, json=json)
    assert (done.status_code < 300, replayed(done)) == (True, False)
    assert contents(connection) != before
    after = contents(connection)
    again = post(client, path, json=json)
    assert (again.status_code, again.data, replayed(again)) == (done.status_code, done.data, True)
    assert contents(connection) == after
