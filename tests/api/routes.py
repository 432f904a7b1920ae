"""Every route of an application, with a path that matches it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from flask import Flask
from werkzeug.routing import Rule

_JOB = "00000000-0000-0000-0000-000000000000"
VALUES = {
    "job_id": _JOB,
    "run_id": _JOB,
    "_booking_path": "2030-01-01T00%3A00Z/http%3A%2F%2Fa",
    "_job_name": "invoices",
    "_name": "invoices",
    "app_id": "x",
    "inbox_id": _JOB,
    "call_number": "1",
    "key_id": "0000000000",
    "resource": "task:x",
    "task_id": "x",
    "app": "films",
    "runner_type": "spark",
    "code": "not-found",
}
_PUBLIC = re.compile(r"/healthz|/readyz|/metrics|/problems/|/schemas/|/openapi|/v1\.0/healthz")


class Route(NamedTuple):
    """One method of one route; `endpoint` is the name of its view."""

    method: str
    path: str
    endpoint: str

    @property
    def is_public(self) -> bool:
        """Whether it is answered without a key."""
        return _PUBLIC.match(self.path) is not None


def rules(app: Flask) -> Iterator[Rule]:
    """The rules of the API; pages of the console and the docs have no keys, but their own tests."""
    pages = re.compile(r"/((console|docs|llms).*)?")
    return (each for each in app.url_map.iter_rules() if not pages.fullmatch(each.rule))


def routes(app: Flask) -> Iterator[Route]:
    """All routes of the API, each with each of its methods; HEAD goes with GET."""
    for rule in rules(app):
        path = rule.rule
        for name in rule.arguments:
            path = re.sub(rf"<(?:\w+:)?{name}>", VALUES[name], path)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Route(method, path, rule.endpoint)
