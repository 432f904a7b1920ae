"""Actions over HTTP: started, aborted or refused, and the runs that they make."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.domain.run import Attempt, Reply, RunState
from app.store.settling import Settlement, settle
from app.store.takes import poll_cancellations, take
from tests.api.fusion.documents import (
    CLEAN,
    DAILY,
    MOVIES,
    TASK,
    act,
    history,
    put,
    saved,
    status,
)
from tests.api.fusion.runs import NONE, begun, settled
from tests.factories import claim_all, connect, in_thread, one, wait_until_blocked

FRACTION = "%Y-%m-%dT%H:%M:%S.%fZ"


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def test_a_start_is_answered_as_the_seed_has_it(client: FlaskClient) -> None:
    saved(client, NONE)
    answer = client.post(
        f"/api/jobs/{MOVIES}/actions",
        data='{"action": "start", "comment": "by hand"}',
        content_type="application/json",
    )
    assert answer.status_code == 200
    assert answer.get_json() == {
        "resource": MOVIES,
        "action": "start",
        "accepted": True,
        "message": f"Started job {MOVIES}",
    }


def test_curl_without_a_content_type_is_understood(client: FlaskClient) -> None:
    saved(client, NONE)
    for media_type in ("application/x-www-form-urlencoded", "text/plain", None):
        path = f"/api/jobs/{MOVIES}/actions"
        answer = client.post(path, data='{"action": "START"}', content_type=media_type)
        assert answer.status_code == 200


def test_a_running_job_is_shown_as_one_and_not_started_again(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client, NONE)
    run = begun(client, connection)
    refused = act(client)
    assert (refused["accepted"], refused["action"]) == (False, "start")
    assert f"running already, as run {run.id}" in refused["message"]
    assert one(connection, "SELECT count(*) FROM inflight") == 1

    shown = status(client)
    assert set(shown) == {"resource", "enabled", "startedBy", "status", "lastStartTime"}
    assert (shown["status"], shown["startedBy"]) == ("running", "first")
    (entry,) = history(client)
    assert set(entry) == {"resource", "runId", "startTime", "status"}
    assert (entry["status"], entry["runId"]) == ("running", str(run.id))

    # Tried again it is still running.
    assert settled(connection, run, None, 500)
    assert not act(client)["accepted"]
    assert status(client)["status"] == "running"
    assert "endTime" not in history(client)[0]


@pytest.mark.parametrize(
    ("state", "word"),
    [(RunState.SUCCEEDED, "success"), (RunState.FAILED, "failed"), (RunState.DEAD, "failed")],
)
def test_an_end_is_reported_in_fusion_s_words_and_times(
    client: FlaskClient, connection: psycopg.Connection, state: RunState, word: str
) -> None:
    saved(client, NONE)
    run = begun(client, connection)
    assert settled(connection, run, state, 200 if word == "success" else 500)

    shown = status(client)
    assert shown["status"] == word
    began, ended = (
        datetime.strptime(shown[name], FRACTION)  # noqa: DTZ007 - as a client does it
        for name in ("lastStartTime", "lastEndTime")
    )
    assert began <= ended
    entry = history(client, query="?limit=1")[0]
    assert entry["status"] == word
    assert (entry["startTime"], entry["endTime"]) == (shown["lastStartTime"], shown["lastEndTime"])
    if word == "failed":
        assert shown["extra"]["message"] == "The receiver answered 500."
        assert entry["extra"] == {"message": "The receiver answered 500."}
    assert act(client)["accepted"]


def test_a_start_is_never_shown_as_one_to_come(client: FlaskClient) -> None:
    """What is started by hand is due a moment later: a monitor would compute a negative age."""
    saved(client, NONE)
    assert act(client)["accepted"]
    shown, entry = status(client), history(client)[0]
    (listed,) = client.get("/api/jobs").get_json()
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    assert shown["status"] == "running"
    for start in (shown["lastStartTime"], listed["lastStartTime"], entry["startTime"]):
        assert start < now


def test_history_is_bounded_and_newest_first(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client, NONE)
    made = []
    for _ in range(3):
        run = begun(client, connection)
        made.append(str(run.id))
        settled(connection, run, RunState.SUCCEEDED)
    assert [each["runId"] for each in history(client)] == made[::-1]
    assert [each["runId"] for each in history(client, query="?limit=2")] == made[:0:-1]
    assert len(history(client, query="?limit=100000000000")) == 3
    running = begun(client, connection)
    assert history(client, query="?limit=1")[0]["runId"] == str(running.id)
    for text in ("0", "-1", "x", "", "1" * 30, "1.5", "²"):
        refused = client.get(f"/api/jobs/{MOVIES}/history?limit={text}")
        assert (refused.status_code, refused.get_json()["member"]) == (400, "limit")


def test_of_two_starts_at_once_one_is_accepted(
    app: Flask, client: FlaskClient, database: str
) -> None:
    saved(client, NONE)
    key = client.environ_base["HTTP_X_API_KEY"]

    def start() -> bool:
        other = app.test_client()
        other.environ_base["HTTP_X_API_KEY"] = key
        return bool(act(other)["accepted"])

    with connect(database) as holder, connect(database) as watcher:
        with holder.transaction():
            holder.execute("SELECT FROM due FOR UPDATE")
            with in_thread(start) as first, in_thread(start) as second:
                wait_until_blocked(watcher, 2)
                holder.execute("SELECT 1")
                # Let go before the threads are waited for.
                holder.execute("COMMIT")
                assert sorted([first(), second()]) == [False, True]
        assert one(watcher, "SELECT count(*) FROM inflight") == 1


def test_an_abort_ends_a_run_at_once_though_its_call_is_under_way(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client, NONE)
    run = begun(client, connection)
    reply = act(client, "abort")
    assert reply == {
        "resource": MOVIES,
        "action": "abort",
        "accepted": True,
        "message": f"Aborted job {MOVIES}",
    }
    shown = status(client)
    assert (shown["status"], shown["extra"]["message"]) == ("aborted", "aborted by first")
    assert shown["lastStartTime"] <= shown["lastEndTime"]
    (entry,) = history(client)
    assert (entry["status"], entry["startTime"] <= entry["endTime"]) == ("aborted", True)
    # Had its call not begun, it would not; and what comes of it later changes nothing.
    assert poll_cancellations(connection)[0] == {run.id: run.token}
    assert not settled(connection, run, RunState.SUCCEEDED)
    assert status(client)["status"] == "aborted"
    assert act(client)["accepted"]


def test_an_abort_stops_retries_and_what_is_to_be_completed_later(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client, NONE)
    run = begun(client, connection)
    assert settled(connection, run, None, 500)
    assert act(client, "abort")["accepted"]
    assert one(connection, "SELECT count(*) FROM inflight") == 0
    run = begun(client, connection)
    now = datetime.now(UTC)
    attempt = Attempt(1, now, 1.0, Reply(status=202))
    later = Settlement(
        *(run.id, run.token, run.job_id, run.job_version, run.due_at, None, None, None),
        *(False, False, attempt, 3600),
        serial=True,
        complete_by=now + timedelta(hours=1),
    )
    assert settle(connection, [later]) == {run.id}
    assert status(client)["status"] == "running"
    assert act(client, "abort")["accepted"]
    assert status(client)["status"] == "aborted"
    refused = client.post(f"/1/runs/{run.id}/complete", json={"status": "succeeded"})
    assert refused.status_code == 409


def test_nothing_that_is_not_running_is_aborted(client: FlaskClient) -> None:
    saved(client, NONE)
    reply = act(client, "abort")
    assert (reply["accepted"], reply["action"]) == (False, "abort")
    assert reply["message"] == f"The job {MOVIES} is not running."


def test_the_runner_receives_an_abort_once_it_may_have_been_called(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    runner = "http://127.0.0.1:2/runner"
    assert client.put("/1/fusion-runners/datasource", json={"url": runner}).status_code == 201
    saved(client, NONE)
    assert act(client)["accepted"]
    assert act(client, "abort")["accepted"]
    assert one(connection, "SELECT count(*) FROM inflight") == 0

    run = begun(client, connection)
    assert act(client, "abort")["accepted"]
    (event,) = connection.execute("SELECT id, token, kind, job_id FROM inflight").fetchall()
    assert event[2:] == ("event", run.id)
    (call,) = take(connection, [event[:2]])
    sent = f'{{"resource":"{MOVIES}","runId":"{run.id}","action":"abort"}}'
    assert (call.url, call.data, call.content_type) == (runner, sent.encode(), "application/json")


def test_disabling_a_schedule_aborts_what_is_under_way(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client, NONE)
    run = begun(client, connection)
    saved(client, {"triggers": [], "enabled": False})
    assert status(client)["status"] == "aborted"
    assert not settled(connection, run, RunState.SUCCEEDED)
    # By hand it can be started all the same, and runs on while its schedule stays disabled.
    run = begun(client, connection)
    saved(client, {**DAILY, "enabled": False})
    assert status(client)["status"] == "running"
    assert settled(connection, run, RunState.SUCCEEDED)


def test_what_is_under_way_goes_on_while_its_schedule_is_replaced(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client, NONE)
    run = begun(client, connection)
    saved(client)
    assert status(client)["status"] == "running"
    assert one(connection, "SELECT next_at IS NULL AND held_at IS NOT NULL FROM due")
    assert settled(connection, run, RunState.SUCCEEDED)
    assert one(connection, "SELECT next_at IS NOT NULL AND held_at IS NULL FROM due")


EVERY_MINUTE = {"type": "interval", "interval": 1, "timeUnit": "minute"}


@pytest.mark.parametrize("saves", ["task", "schedule"])
def test_a_time_that_waits_for_a_run_is_kept_when_the_job_is_saved(
    client: FlaskClient, connection: psycopg.Connection, saves: str
) -> None:
    assert client.post("/api/tasks", json=TASK).status_code == 200
    saved(client, {"triggers": [EVERY_MINUTE]}, CLEAN)
    run = begun(client, connection, CLEAN)
    connection.execute("UPDATE due SET held_at = held_at - interval '1 min'")
    waiting = one(connection, "SELECT held_at FROM due WHERE held_at <= now()")

    if saves == "task":
        changed = {**TASK, "callParams": {"uri": "http://127.0.0.1/clean", "method": "get"}}
        assert client.put("/api/tasks/clean-up", json=changed).status_code == 200
    else:
        saved(client, {"triggers": [EVERY_MINUTE, *DAILY["triggers"]]}, CLEAN)

    assert one(connection, "SELECT held_at FROM due") == waiting
    assert settled(connection, run, RunState.SUCCEEDED)
    assert len(claim_all(connection)) == 1
    assert one(connection, "SELECT due_at FROM inflight") == waiting
    made = "SELECT i.job_version = j.version FROM inflight i JOIN job j ON j.id = i.job_id"
    assert one(connection, made)


def test_a_time_that_waits_for_a_run_goes_with_its_schedule(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    saved(client, {"triggers": [EVERY_MINUTE]})
    begun(client, connection)
    connection.execute("UPDATE due SET held_at = held_at - interval '1 min'")
    assert client.delete(f"/api/jobs/{MOVIES}/schedule").status_code == 204
    assert one(connection, "SELECT num_nonnulls(next_at, held_at) FROM due") == 0


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ("", None),
        ("[]", None),
        ("{", None),
        ("{}", "action"),
        ('{"action": null}', "action"),
        ('{"action": 1}', "action"),
        ('{"action": "stop"}', "action"),
    ],
)
def test_an_action_that_is_none_is_refused(
    client: FlaskClient, body: str, member: str | None
) -> None:
    saved(client, NONE)
    refused = client.post(f"/api/jobs/{MOVIES}/actions", data=body)
    problem = refused.get_json()
    assert (refused.status_code, problem.get("member")) == (400, member)
    assert problem["remedy"]


def test_a_task_is_called_as_it_says(client: FlaskClient, connection: psycopg.Connection) -> None:
    assert client.post("/api/tasks", json=TASK).status_code == 200
    assert put(client, resource=CLEAN).status_code == 200
    run = begun(client, connection, CLEAN)
    assert run.call_options is not None
    assert (run.url, run.data, run.call_options.method) == (
        "http://127.0.0.1/clean",
        b"all",
        "POST",
    )
    assert settled(connection, run, RunState.SUCCEEDED)
    assert isinstance(run.id, UUID)
    assert act(client, "abort", CLEAN)["accepted"] is False
