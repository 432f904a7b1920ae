"""Fusion: what end-to-end tests ask as a client of that API does, and wait for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.e2e.instance import Instance, until
from tests.receiver import Received


def saved(running: Instance, resource: str, *triggers: dict[str, Any], **more: Any) -> None:
    document = {"triggers": list(triggers), **more}
    assert running.ask("PUT", f"/api/jobs/{resource}/schedule", document).status == 200


def act(running: Instance, resource: str, action: str = "start") -> dict[str, Any]:
    answer = running.ask("POST", f"/api/jobs/{resource}/actions", {"action": action})
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.body
    return found


def status(running: Instance, resource: str) -> dict[str, Any]:
    found: dict[str, Any] = running.ask("GET", f"/api/jobs/{resource}").body
    return found


def history(running: Instance, resource: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.ask("GET", f"/api/jobs/{resource}/history").body
    return found


def await_status(running: Instance, resource: str, word: str, seconds: float = 20) -> None:
    until(lambda: status(running, resource).get("status") == word, f"{resource} is {word}", seconds)


def at_runner(running: Instance, kind: str, url: str) -> None:
    """Let the jobs of this type be done there."""
    answer = running.ask("PUT", f"/1/fusion-runners/{kind}", {"url": url})
    assert answer.status in {200, 201}


def actions_of(requests: Sequence[Received]) -> list[tuple[str, str]]:
    """What a runner was asked for: (resource, action) of each call."""
    documents = [json.loads(each.body) for each in requests]
    return [(each["resource"], each["action"]) for each in documents]
