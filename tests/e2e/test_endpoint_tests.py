"""Endpoint tests: the console's button makes one real, signed call, and shows its attempt."""

from __future__ import annotations

from functools import partial

from tests.e2e.first_call import PASSWORD, Visitor, invite
from tests.e2e.instance import Instance, until
from tests.receiver import Receiver, answer

ENDPOINTS = "/console/endpoints"


def test_an_app_and_a_runner_are_called_once_and_the_attempt_is_shown(running: Instance) -> None:
    visitor = Visitor(f"http://127.0.0.1:{running.port}")
    path = invite(running)
    visitor.get(path)
    visitor.send(path, email="tester@example.com", password=PASSWORD, account="tester")
    with Receiver(answer(404)) as receiver:
        app = {"app": "shop", "url": receiver.url(""), "protocol": "http", "token": "s3cret"}
        runner = {"runner": "spark", "runner_url": receiver.url("/spark")}
        for form, fields, kind, name in (
            (f"{ENDPOINTS}/apps", app, "app", "shop"),
            (f"{ENDPOINTS}/runners", runner, "runner", "spark"),
        ):
            visitor.get(ENDPOINTS)
            visitor.send(form, **fields)
            visitor.send(f"{ENDPOINTS}/{kind}/test", name=name)
            result = f"{visitor.path}?endpoint={kind}"
            until(partial(_shows, visitor, result), "the attempt is shown")
        of_app, of_runner = receiver.requests
    assert (of_app.target, of_app.header("dapr-api-token")) == ("/job/wakecall-test", "s3cret")
    assert of_runner.target == "/spark"
    for each in (of_app, of_runner):
        assert (each.header("webhook-signature") or "").startswith("v1,")


def _shows(visitor: Visitor, path: str) -> bool:
    return "The endpoint was reached." in visitor.get(path).text_content()
