"""Fusion documents: the documents that the tests save, and the requests that save and read them."""

from __future__ import annotations

import json
from typing import Any, Final

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

MOVIES: Final = "datasource:movie-db"
CLEAN: Final = "task:clean-up"
DAILY: Final = {"triggers": [{"type": "cron", "enabled": True, "value": "0 15 10 ? * *"}]}
TASK: Final = {
    "id": "clean-up",
    "type": "rest-call",
    "callParams": {"uri": "http://127.0.0.1/clean", "method": "post", "entity": "all"},
}


def put(client: FlaskClient, document: Any = None, resource: str = MOVIES) -> TestResponse:
    body = json.dumps(DAILY if document is None else document)
    return client.put(f"/api/jobs/{resource}/schedule", data=body)


def saved(client: FlaskClient, document: Any = None, resource: str = MOVIES) -> dict[str, Any]:
    answer = put(client, document, resource)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def after(upstream: str, how: str = "on_success", **more: Any) -> dict[str, Any]:
    """A schedule with one trigger: after another job."""
    trigger = {"type": "job_completion", "otherJob": upstream, "triggerType": how, **more}
    return {"triggers": [trigger]}


def act(client: FlaskClient, action: str = "start", resource: str = MOVIES) -> dict[str, Any]:
    answer = client.post(f"/api/jobs/{resource}/actions", json={"action": action})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def status(client: FlaskClient, resource: str = MOVIES) -> dict[str, Any]:
    answer = client.get(f"/api/jobs/{resource}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def history(client: FlaskClient, resource: str = MOVIES, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/jobs/{resource}/history{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json()
    return found
