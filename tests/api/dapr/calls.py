"""How the tests of the Dapr API set up its apps, and call it."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.api.auth import BOUND, Bound
from app.api.context import current_context
from app.service import accounts
from app.service.dapr import apps as dapr_apps

JOBS = "/v1.0-alpha1/jobs"
DUE = {"dueTime": "1h"}
APP = "job-service"


def add_app(app: Flask, app_id: str = APP, account: str = "account-1", port: int = 6200) -> None:
    with app.app_context():
        owner = accounts.get_account(current_context(), account)
        dapr_apps.put(current_context(), owner, app_id, url=f"http://127.0.0.1:{port}", token=None)


def sidecar_of(app: Flask, app_id: str = APP) -> FlaskClient:
    """Calls as a client of a sidecar makes them: without a key."""
    client = app.test_client()
    bound: Any = Bound(account="account-1", app=app_id)
    client.environ_base[BOUND] = bound
    return client


def schedule(
    client: FlaskClient, name: str = "test", body: Any = DUE, **headers: str
) -> TestResponse:
    """POST a job; a `body` that is not text is sent as JSON."""
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"{JOBS}/{name}", data=data, headers=fields)


def error_of(answer: TestResponse) -> tuple[int, str, str]:
    """Status, code and message of a failure."""
    members = json.loads(answer.data)
    return answer.status_code, members["errorCode"], members["message"]
