"""What a suspended account may do over HTTP: read; and the operator's commands for that."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api import scopes
from app.api.browsers import SAFE_METHODS
from app.domain.scope import Scope
from app.service import account_lifecycle
from app.service.context import Context
from tests.api.dapr.calls import APP, JOBS, add_app, schedule, sidecar_of
from tests.api.routes import routes

DOCUMENT = {"url": "https://example.com/", "when": "2099-01-01T00:00:00Z"}


def run(app: Flask, *arguments: str, answer: str | None = None) -> tuple[int, str, str]:
    done = app.test_cli_runner().invoke(args=["account", *arguments], input=answer)
    return done.exit_code, done.stdout, done.stderr


def test_every_route_that_changes_something_is_refused_and_every_other_answered(
    app: Flask, client: FlaskClient
) -> None:
    add_app(app)
    assert run(app, "suspend", "account-1") == (0, "", "")
    for each in routes(app):
        with app.app_context():
            need = scopes.declared_need(each.endpoint)
        body: Any = {"json": {}} if each.path == "/1/runs/redeliver" else {}
        answer = client.open(each.path, method=each.method, **body)
        changes = (
            need is not None and each.method not in SAFE_METHODS and need.scope is not Scope.READ
        )
        is_reason = "account-suspended" in answer.text or "ERR_ACCOUNT_SUSPENDED" in answer.text
        # The descriptions of the APIs name the reason too.
        is_reason = is_reason and not each.is_public
        assert (answer.status_code == 403, is_reason) == (changes, changes), each
    assert client.post("/1/jobs?dryRun=true", json=DOCUMENT).status_code == 200
    assert client.post("/1/runs/redeliver", json={"dryRun": True}).status_code == 200
    assert client.get("/1/secrets").status_code == 200


def test_cached_keys_sidecars_and_wrong_documents_get_the_same_refusal_at_once(
    app: Flask, client: FlaskClient
) -> None:
    add_app(app)
    sidecar = sidecar_of(app)
    for _ in range(2):
        assert client.post("/1/jobs", json=DOCUMENT).status_code == 201
    assert schedule(sidecar, "x").status_code == 204

    run(app, "suspend", "account-1")

    for document in (DOCUMENT, {"url": "ftp://x"}, {}):
        for _ in range(2):
            refused = client.post("/1/jobs", json=document)
            assert (refused.status_code, refused.get_json()["type"]) == (
                403,
                "/problems/account-suspended",
            )
    assert schedule(sidecar, "y").get_json()["errorCode"] == "ERR_ACCOUNT_SUSPENDED"
    assert sidecar.get(f"{JOBS}/x").status_code == 200
    assert refused.get_json()["remedy"] == "Ask the operator of this service to resume the account."

    assert run(app, "resume", "account-1") == (0, "", "")
    assert client.post("/1/jobs", json=DOCUMENT).status_code == 201
    assert schedule(sidecar, "y").status_code == 204


def test_an_account_is_deleted_when_that_was_confirmed(app: Flask, client: FlaskClient) -> None:
    assert client.post("/1/jobs", json=DOCUMENT).status_code == 201
    status, asked, _ = run(app, "delete", "account-1", answer="n\n")
    assert (status, "This cannot be undone." in asked) == (1, True)
    assert client.get("/1/jobs").status_code == 200

    assert run(app, "delete", "account-1", "--yes") == (0, "", "")
    assert client.get("/1/jobs").status_code == 401
    assert run(app, "delete", "account-1", "--yes") == (0, "", "There is no account 'account-1'.\n")
    for command in ("suspend", "resume"):
        status, _, error = run(app, command, "account-1")
        assert (status, "There is no account 'account-1'." in error) == (1, True)


def test_a_long_step_shows_its_progress(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 2.5, 2.5, 3.0, 5.0, 5.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))

    def deletes(_context: Context, _name: str, report: object) -> None:
        assert callable(report)
        for number in (0, 500, 1000, 1500):
            report(Counter(job=number, run=0))

    monkeypatch.setattr(account_lifecycle, "delete", deletes)
    assert run(app, "delete", "x", "--yes") == (
        0,
        "",
        "deleted: 500 jobs\ndeleted: 1500 jobs\n",
    )


def test_the_app_of_a_sidecar_goes_with_its_account(app: Flask, key: str) -> None:
    assert key
    add_app(app)
    sidecar = sidecar_of(app, APP)
    run(app, "delete", "account-1", "--yes")
    assert sidecar.get(f"{JOBS}/x").status_code == 404
