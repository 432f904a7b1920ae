"""Schedules over HTTP: saved as a whole, returned unchanged, deleted, and separate by app."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.api.fusion.documents import CLEAN, DAILY, MOVIES, TASK, after, put, saved, status
from tests.factories import connect, in_thread, one, wait_until_blocked

SEED = '{"triggers": [{"type": "cron", "enabled": "true", "expression": "0 15 10 ? * MON-FRI"}]}'
ECHOED = """{
  "resource" : "datasource:ratings-db",
  "triggers" : [ {
    "type" : "cron",
    "enabled" : true,
    "expression" : "0 15 10 ? * MON-FRI",
    "type" : "cron"
  } ]
}"""


def test_the_schedule_of_the_seed_is_saved_and_returned_as_documented(client: FlaskClient) -> None:
    path = "/api/jobs/datasource:ratings-db/schedule"
    answer = client.put(path, data=SEED, content_type="application/json")
    trigger = {"type": "cron", "enabled": True, "expression": "0 15 10 ? * MON-FRI"}
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.get_json() == {"resource": "datasource:ratings-db", "triggers": [trigger]}
    assert list(answer.get_json()["triggers"][0]) == ["type", "enabled", "expression"]
    assert client.get(path).data == answer.data
    # What the server of the seed answers may be sent back to it, its member given twice and all.
    again = client.put(path, data=ECHOED, content_type="application/json")
    assert (again.status_code, again.data) == (200, answer.data)


def test_the_seed_s_first_example_is_taken(client: FlaskClient) -> None:
    document = {
        "enabled": True,
        "triggers": [{"type": "cron", "enabled": True, "value": "0 */10 * * * *"}],
    }
    assert saved(client, document) == {"resource": MOVIES, **document}
    turned = dict(reversed(document.items()))
    answer = put(client, turned)
    assert list(answer.get_json()) == ["resource", "triggers", "enabled"]
    assert client.get(f"/api/jobs/{MOVIES}/schedule").data == answer.data
    assert status(client)["nextStartTime"][14:].endswith("0:00.000Z")


@pytest.mark.parametrize("path", ["datasource:movie-db", "datasource%3Amovie-db"])
@pytest.mark.parametrize("base", ["/api", "/api/apollo", "/api/apps/films", "/api/apollo/apps/x"])
def test_a_job_has_one_place_however_its_colon_is_written(
    client: FlaskClient, base: str, path: str
) -> None:
    assert client.put(f"{base}/jobs/{path}/schedule", json=DAILY).status_code == 200
    assert client.get(f"{base}/jobs/{path}/schedule").get_json()["resource"] == MOVIES
    assert [each["resource"] for each in client.get("/api/jobs").get_json()] == [MOVIES]
    assert client.get(f"{base}/jobs/{path}/history").get_json() == []
    assert client.get(f"{base}/jobs/{path}").status_code == 200


def test_saved_again_a_schedule_changes_nothing(client: FlaskClient, database: str) -> None:
    document = {"triggers": [{"type": "interval", "interval": 5, "timeUnit": "minute"}]}
    first = saved(client, document)
    with connect(database) as connection:
        before = connection.execute("SELECT j.*, d.* FROM job j JOIN due d ON true").fetchall()
        assert saved(client, document) == first
        assert (
            connection.execute("SELECT j.*, d.* FROM job j JOIN due d ON true").fetchall() == before
        )
        assert saved(client, {**document, "enabled": True}) != first
        assert one(connection, "SELECT version FROM job") == 2


def test_a_schedule_that_is_taken_away_leaves_a_job_that_can_be_started(
    client: FlaskClient,
) -> None:
    saved(client)
    assert "nextStartTime" in status(client)
    gone = client.delete(f"/api/jobs/{MOVIES}/schedule")
    assert (gone.status_code, gone.data) == (204, b"")
    assert "nextStartTime" not in status(client)
    schedule = client.get(f"/api/jobs/{MOVIES}/schedule").get_json()
    assert schedule == {"resource": MOVIES, "enabled": True, "triggers": []}
    # The schedule as returned can be saved, and is returned unchanged.
    assert saved(client, schedule) == schedule
    assert client.delete(f"/api/jobs/{MOVIES}/schedule").status_code == 204


def test_a_job_can_be_forgotten(client: FlaskClient) -> None:
    saved(client)
    assert client.delete(f"/api/jobs/{MOVIES}").status_code == 204
    for answer in (
        client.get(f"/api/jobs/{MOVIES}"),
        client.get(f"/api/jobs/{MOVIES}/schedule"),
        client.get(f"/api/jobs/{MOVIES}/history"),
        client.delete(f"/api/jobs/{MOVIES}/schedule"),
        client.delete(f"/api/jobs/{MOVIES}"),
        client.post(f"/api/jobs/{MOVIES}/actions", json={"action": "start"}),
    ):
        assert answer.status_code == 404
        assert answer.get_json()["remedy"].startswith("PUT a schedule to /api/jobs/")
    assert client.get("/api/jobs").get_json() == []


def test_the_schedule_of_a_task_that_is_none_is_refused(client: FlaskClient) -> None:
    refused = put(client, resource=CLEAN)
    assert (refused.status_code, refused.get_json()["member"]) == (404, "resource")
    assert "POST the task to /api/tasks" in refused.get_json()["remedy"]
    assert client.post("/api/tasks", json=TASK).status_code == 200
    assert put(client, resource=CLEAN).status_code == 200


@pytest.mark.parametrize("resource", ["movie-db", "crawler:x", "datasource:", "datasource:a,b"])
def test_an_invalid_resource_is_not_found_and_cannot_be_saved(
    client: FlaskClient, resource: str
) -> None:
    assert client.get(f"/api/jobs/{resource}").status_code == 404
    refused = put(client, resource=resource)
    assert (refused.status_code, refused.get_json()["type"]) == (400, "/problems/invalid-member")


def test_another_account_sees_nothing_of_it(client: FlaskClient, other_client: FlaskClient) -> None:
    saved(client)
    assert other_client.get("/api/jobs").get_json() == []
    assert other_client.get(f"/api/jobs/{MOVIES}").status_code == 404
    assert other_client.delete(f"/api/jobs/{MOVIES}").status_code == 404
    saved(other_client, {"triggers": []})
    assert len(client.get(f"/api/jobs/{MOVIES}/schedule").get_json()["triggers"]) == 1


def test_an_app_lists_what_was_saved_under_it(client: FlaskClient) -> None:
    assert client.put(f"/api/apps/films/jobs/{MOVIES}/schedule", json=DAILY).status_code == 200
    assert client.post("/api/apps/films/tasks", json=TASK).status_code == 200
    saved(client, resource="spark:rollup")

    def listed(base: str, query: str = "") -> list[str]:
        found = client.get(f"{base}/jobs{query}").get_json()
        return [each["resource"] for each in found]

    assert listed("/api") == [MOVIES, "spark:rollup", CLEAN]
    assert listed("/api/apps/films") == [MOVIES, CLEAN]
    assert listed("/api/apollo/apps/films", "?type=task") == [CLEAN]
    assert listed("/api/apps/other") == []
    # Saved elsewhere too, it belongs to both.
    saved(client)
    assert client.put(f"/api/apps/other/jobs/{MOVIES}/schedule", json=DAILY).status_code == 200
    assert listed("/api/apps/films") == [MOVIES, CLEAN]
    assert listed("/api/apps/other") == [MOVIES]
    refused = client.get(f"/api/apps/other/jobs/{CLEAN}")
    assert refused.status_code == 404
    assert "does not belong to the app" in refused.get_json()["detail"]
    assert client.get("/api/apps/other/tasks").get_json() == []
    assert client.get("/api/apps/films/tasks").get_json() == [TASK]


def test_the_name_of_an_app_has_its_bounds(client: FlaskClient) -> None:
    for app in ("a" * 61, "films!", "%20", "a%00"):
        refused = client.put(f"/api/apps/{app}/jobs/{MOVIES}/schedule", json=DAILY)
        assert (refused.status_code, refused.get_json()["member"]) == (400, "app")
        for path in ("jobs", "tasks"):
            refused = client.get(f"/api/apps/{app}/{path}")
            assert (refused.status_code, refused.get_json()["member"]) == (400, "app")
    for number in range(20):
        assert (
            client.put(f"/api/apps/a{number}/jobs/{MOVIES}/schedule", json=DAILY).status_code == 200
        )
    refused = client.put(f"/api/apps/one-more/jobs/{MOVIES}/schedule", json=DAILY)
    assert (refused.status_code, refused.get_json()["member"]) == (400, "app")


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ("", [MOVIES, "spark:rollup", CLEAN]),
        ("?type=datasource", [MOVIES]),
        ("?type=spark", ["spark:rollup"]),
        ("?type=task&type=spark", ["spark:rollup", CLEAN]),
        ("?type=task&_=17&realmName=native", [CLEAN]),
    ],
)
def test_jobs_are_listed_by_type(client: FlaskClient, query: str, listed: list[str]) -> None:
    saved(client)
    saved(client, resource="spark:rollup")
    assert client.post("/api/tasks", json=TASK).status_code == 200
    found = client.get(f"/api/jobs{query}").get_json()
    assert [each["resource"] for each in found] == listed


def test_an_unknown_type_is_refused(client: FlaskClient) -> None:
    refused = client.get("/api/jobs?type=crawler")
    assert (refused.status_code, refused.get_json()["member"]) == (400, "type")


def test_a_cycle_is_refused_and_named(client: FlaskClient) -> None:
    saved(client, after("datasource:b"), "datasource:a")
    saved(client, after("spark:c", "on_abort"), "datasource:b")
    for document in (
        after("datasource:a"),
        {"triggers": [*DAILY["triggers"], *after("datasource:a", "on_failure")["triggers"]]},
    ):
        refused = put(client, document, "spark:c")
        assert (refused.status_code, refused.get_json()["member"]) == (400, "triggers")
        named = "spark:c -> datasource:b -> datasource:a -> spark:c"
        assert named in refused.get_json()["detail"]
    assert client.get("/api/jobs/spark:c").status_code == 404
    refused = put(client, after("spark:c"), "spark:c")
    assert "spark:c -> spark:c" in refused.get_json()["detail"]
    # Whatever is disabled starts nothing.
    saved(client, after("datasource:a", enabled="false"), "spark:c")
    # A job can be enabled where its schedule is not spoken of.
    disabled = {**after("datasource:a"), "enabled": False}
    assert put(client, disabled, "spark:c").status_code == 400
    saved(client, {"triggers": []}, "datasource:b")
    saved(client, after("datasource:a"), "spark:c")


def test_a_job_shows_which_missing_jobs_it_follows(client: FlaskClient) -> None:
    saved(client, after(MOVIES), "spark:rollup")
    extra = status(client, "spark:rollup")["extra"]
    assert extra["missing"] == [MOVIES]
    assert MOVIES in extra["warning"]
    saved(client)
    assert "extra" not in status(client, "spark:rollup")
    assert client.delete(f"/api/jobs/{MOVIES}").status_code == 204
    assert status(client, "spark:rollup")["extra"]["missing"] == [MOVIES]


def test_a_disabled_schedule_has_no_next_time(client: FlaskClient) -> None:
    saved(client, {**DAILY, "enabled": False})
    assert status(client) == {"resource": MOVIES, "enabled": False}
    trigger = {**DAILY["triggers"][0], "enabled": "false"}
    saved(client, {"triggers": [trigger]})
    assert status(client) == {"resource": MOVIES, "enabled": True}
    saved(client)
    assert set(status(client)) == {"resource", "enabled", "nextStartTime"}


@pytest.mark.parametrize(
    ("body", "member"),
    [
        (b"", None),
        (b"nothing", None),
        (b"[]", None),
        (b'{"triggers": [' + b"[" * 5000, None),
        (b"\xff", None),
        (b"{}", "triggers"),
        (b'{"triggers": {}}', "triggers"),
        (b'{"triggers": [{}]}', "triggers[0].type"),
        (b'{"triggers": [{"type": "cron"}]}', "triggers[0].expression"),
        (b'{"triggers": [], "enabled": "perhaps"}', "enabled"),
        (b'{"triggers": [], "resource": "task:x"}', "resource"),
    ],
)
def test_a_schedule_that_cannot_be_read_is_refused_with_its_member(
    client: FlaskClient, body: bytes, member: str | None
) -> None:
    refused = client.put(f"/api/jobs/{MOVIES}/schedule", data=body)
    problem: dict[str, Any] = refused.get_json()
    assert refused.content_type == "application/problem+json"
    assert (refused.status_code, problem.get("member")) == (400, member)
    assert problem["remedy"]
    assert client.get("/api/jobs").get_json() == []


def test_every_trigger_of_an_export_survives_a_round_trip(
    client: FlaskClient, database: str
) -> None:
    document = {
        "resource": MOVIES,
        "enabled": True,
        "triggers": [
            {
                "type": "interval",
                "enabled": True,
                "startTime": "2030-05-11T15:30:00.000Z",
                "interval": 10,
                "timeUnit": "minute",
            },
            {"type": "cron", "enabled": False, "expression": "0 0 2 * * ?"},
            {
                "type": "job_completion",
                "enabled": True,
                "otherJob": "task:clean-up",
                "triggerType": "on_success",
            },
        ],
        "default": False,
    }
    assert saved(client, document) == document
    assert client.get(f"/api/jobs/{MOVIES}/schedule").get_json() == document
    assert status(client)["nextStartTime"] == "2030-05-11T15:30:00.000Z"
    with connect(database) as connection:
        assert stored_follows(connection) == [("task:clean-up", ["succeeded"])]


def stored_follows(connection: psycopg.Connection) -> list[Any]:
    return connection.execute("SELECT upstream, states FROM follow").fetchall()


def test_two_schedules_saved_at_once_make_no_cycle(
    app: Flask, client: FlaskClient, database: str
) -> None:
    key = client.environ_base["HTTP_X_API_KEY"]

    def save(resource: str, upstream: str) -> int:
        other = app.test_client()
        other.environ_base["HTTP_X_API_KEY"] = key
        return put(other, after(upstream), resource).status_code

    with connect(database) as holder, connect(database) as watcher:
        holder.execute("BEGIN")
        holder.execute("SELECT FROM account FOR UPDATE")
        with (
            in_thread(lambda: save("spark:a", "spark:b")) as one_way,
            in_thread(lambda: save("spark:b", "spark:a")) as other_way,
        ):
            wait_until_blocked(watcher, 2)
            holder.execute("COMMIT")
            assert sorted([one_way(), other_way()]) == [200, 400]
        assert len(stored_follows(watcher)) == 1


def test_a_job_paused_natively_is_shown_as_disabled(client: FlaskClient, database: str) -> None:
    saved(client, {"triggers": []})
    with connect(database) as connection:
        job = one(connection, "SELECT id FROM job")
    assert client.post(f"/1/jobs/{job}/pause").status_code == 200
    assert status(client) == {"resource": MOVIES, "enabled": False}
    schedule = client.get(f"/api/jobs/{MOVIES}/schedule").get_json()
    assert schedule == {"resource": MOVIES, "triggers": [], "enabled": False}
    assert client.post(f"/1/jobs/{job}/resume").status_code == 200
    assert status(client) == {"resource": MOVIES, "enabled": True}
    # Saved again it is enabled, too.
    client.post(f"/1/jobs/{job}/pause")
    saved(client, {"triggers": []})
    assert status(client)["enabled"]


def test_a_disabled_job_resumed_natively_is_shown_as_enabled(
    client: FlaskClient, database: str
) -> None:
    saved(client, {**DAILY, "enabled": False})
    with connect(database) as connection:
        job = one(connection, "SELECT id FROM job")
    assert client.post(f"/1/jobs/{job}/resume").status_code == 200
    shown = client.get(f"/api/jobs/{MOVIES}/schedule").get_json()
    assert shown == {"resource": MOVIES, **DAILY, "enabled": True}
    # What is shown may be saved again, and changes nothing of when the job runs.
    before = status(client)
    assert saved(client, shown) == shown
    assert status(client) == before
    assert before["enabled"]
    assert "nextStartTime" in before
