"""Paths of the Dapr API: the names of jobs in them, and what is not there."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.api.dapr.calls import DUE, JOBS, error_of, schedule

DIRECT_INVOKE = (
    404,
    "ERR_DIRECT_INVOKE",
    "failed getting app id either from the URL path or the header dapr-app-id",
)


def test_a_name_is_unescaped_as_in_a_query(dapr: FlaskClient) -> None:
    for path, name in (
        ("a+b", "a b"),
        ("a%20b", "a b"),
        ("a%2Bb", "a+b"),
        ("%C3%BC", "ü"),
        ("a%25b", "a%b"),
        ("my||job@name", "my||job@name"),
        ("..%2e", "..."),
        ("UPPER", "UPPER"),
        (quote("ü" * 512), "ü" * 512),
    ):
        assert schedule(dapr, path).status_code == 204, path
        assert dapr.get(f"{JOBS}/{path}").get_json()["name"] == name
        assert dapr.delete(f"{JOBS}/{path}").status_code == 204
        assert dapr.get(f"{JOBS}/{path}").status_code == 500


def test_only_a_post_trims_its_name(dapr: FlaskClient) -> None:
    assert schedule(dapr, "+x%20").status_code == 204
    assert dapr.get(f"{JOBS}/x").status_code == 200
    assert dapr.get(f"{JOBS}/+x%20").status_code == 500
    assert dapr.delete(f"{JOBS}/+x").status_code == 204
    assert dapr.get(f"{JOBS}/x").status_code == 200


def test_a_post_trims_what_is_white_space_to_go(dapr: FlaskClient) -> None:
    assert schedule(dapr, "%C2%A0x%E2%80%83%0A").status_code == 204
    for control in ("%1C", "%1D", "%1E", "%1F"):
        for name in (f"{control}x", f"x{control}"):
            answer = schedule(dapr, name, {"schedule": "@daily", "overwrite": True})
            assert (answer.status_code, name) == (500, name)
            assert "desc = job name is invalid" in answer.get_json()["message"]
    assert "schedule" not in dapr.get(f"{JOBS}/x").get_json()


@pytest.mark.parametrize(
    "name", ["a%2Fb", "%2F", "a%5Cb", "a%23b", "a%3Fb", "%00", "%0A", ".", "%2e%2e"]
)
def test_a_bad_name_is_refused_by_every_method(dapr: FlaskClient, name: str) -> None:
    for method, verb in (("POST", "schedule"), ("GET", "get"), ("DELETE", "delete")):
        answer = dapr.open(f"{JOBS}/{name}", method=method, data=json.dumps(DUE))
        if name == "%0A" and method == "POST":
            assert error_of(answer)[1] == "DAPR_SCHEDULER_JOB_NAME_EMPTY"
            continue
        status, code, message = error_of(answer)
        assert (status, code) == (500, f"DAPR_SCHEDULER_{verb.upper()}_JOB")
        assert message.startswith(
            f"failed to {verb} job due to: rpc error: code = Unknown desc = job name is invalid"
        )


def test_a_long_name_is_refused(dapr: FlaskClient) -> None:
    status, _, message = error_of(schedule(dapr, "x" * 600))
    assert status == 500
    assert "600 characters" in message


def test_needless_slashes_are_cleaned(app: Flask, dapr: FlaskClient) -> None:
    def ask(path: str) -> int:
        environ = {"PATH_INFO": path, "REQUEST_URI": path}
        return dapr.get("/x", environ_overrides=environ).status_code

    assert schedule(dapr, "x").status_code == 204
    for path in ("//v1.0//jobs///x", "/v1.0/jobs/x/", "///v1.0-alpha1/jobs/x//"):
        assert ask(path) == 200, path
    for path in ("/v1.0/jobs//", "/v1.0//jobs/x/y", "/v1.0/"):
        assert ask(path) == 404, path


def test_a_path_that_came_without_its_escapes_does(dapr: FlaskClient) -> None:
    environ = {"PATH_INFO": "/v1.0/jobs/a b", "REQUEST_URI": ""}
    sent = dapr.post("/x", data=json.dumps(DUE), environ_overrides=environ)
    assert sent.status_code == 204
    assert dapr.get(f"{JOBS}/a+b").status_code == 200
    odd = {"PATH_INFO": "/v1.0/jobs//a%b\xc3\xbc", "REQUEST_URI": ""}
    assert dapr.post("/x", data=json.dumps(DUE), environ_overrides=odd).status_code == 204
    assert dapr.get(f"{JOBS}/a%25b%C3%BC").get_json()["name"] == "a%bü"
    absolute = {"PATH_INFO": "/v1.0/jobs/a b", "REQUEST_URI": "http://h/v1.0/jobs/a%20b?x=/y"}
    assert dapr.get("/x", environ_overrides=absolute).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1.0",
        "/v1.0/",
        "/v1.0/jobs",
        "/v1.0/jobs/",
        "/v1.0-alpha1/jobs",
        "/v1.0-beta1/jobs/x",
        "/v1.0-alpha1/healthz",
        "/v1.0/jobs/a/b",
        "/v1.0/state/x",
        "/v1.0/invoke/app/method/x",
        "/v1.0/jobsx/a",
        "/v1.0/%FF",
    ],
)
def test_an_unknown_path_is_answered_as_dapr_answers_it(dapr: FlaskClient, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "PUT", "OPTIONS"):
        assert error_of(dapr.open(path, method=method)) == DIRECT_INVOKE


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "LIST", "post"])
def test_another_method_is_nothing_that_is_there(dapr: FlaskClient, method: str) -> None:
    if method == "post":
        method = "POSTS"
    assert error_of(dapr.open(f"{JOBS}/x", method=method)) == DIRECT_INVOKE


@pytest.mark.parametrize("path", ["/v1.0jobs/x", "/v1.1/jobs/x", "/v2.0/jobs/x", "/V1.0/jobs/x"])
def test_other_paths_are_not_dapr_s(dapr: FlaskClient, path: str) -> None:
    assert dapr.get(path).content_type == "application/problem+json"
