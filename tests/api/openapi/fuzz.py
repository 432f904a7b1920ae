"""Fuzzing: requests drawn from the descriptions, each of whose answers must be as described.

`make fuzz` runs it for half of its minutes, and the tests for seconds.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import schemathesis
from cryptography.fernet import Fernet
from flask import Flask
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import APIOperation

from app import config, create_app
from app.api.context import current_context
from app.api.openapi.routes import DESCRIPTIONS
from app.service import accounts
from app.store.engine import db
from tests.api.openapi import answers, drawing
from tests.servers import migrated, postgres_server

CASES: Final = 15
"""Requests of an operation in one round of a long run, for each way of drawing them."""

MAX_FAILURES: Final = 20
_NOT_READY: Final = "/readyz"
_TOO_DEEP: Final = 508
_REDIRECTED: Final = 300
_BOOKING: Final = "POST /1/jobs"
_IDEMPOTENCY_KEY: Final = "Idempotency-Key"
# An answer of the scheduler of the Dapr API is 500, as in Dapr; its own defects have this code.
_DEFECT: Final = "ERR_INTERNAL"
_CHECKS: Final = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
_MODES: Final = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
Say = Callable[[str], object]


@dataclass(kw_only=True)
class Result:
    """What was found."""

    requests: Counter[str] = field(default_factory=Counter)
    """How many requests of each operation were made."""
    statuses: Counter[int] = field(default_factory=Counter)
    drawn_valid: Counter[str] = field(default_factory=Counter)
    """How many requests of each operation were drawn to be valid."""
    accepted: Counter[str] = field(default_factory=Counter)
    """How many of these were answered with 2xx."""
    failures: list[str] = field(default_factory=list)


class Known:
    """Names of what exists, by the path that it is at, for the parameters of paths."""

    def __init__(self) -> None:
        self._by_path: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, location: str) -> None:
        """Remember what was made at this path."""
        path, _, name = location.rpartition("/")
        names = self._by_path[path]
        names.append(name)
        del names[:-50]

    def some(self, path: str, chosen: int) -> str | None:
        """A name of something at the path before its first parameter."""
        names = self._by_path.get(path.partition("/{")[0])
        return names[chosen % len(names)] if names else None


def fuzz(
    app: Flask,
    key: str,
    *,
    number: int,
    cases: int,
    until: float,
    say: Say = print,
    only: Collection[str] = (),
) -> Result:
    """Send requests to every operation, in rounds, until the clock shows `until`; at least once.

    `number` is the seed, from which all is drawn. In a round each operation gets up to `cases`
    requests for each way of drawing them. `only` names the operations, all if it is empty.
    """
    run = _Run(app, key)
    result = run.result
    shuffled = random.Random(number)
    operations = [
        each.ok() for path in DESCRIPTIONS for each in _schema(app, path).get_all_operations()
    ]
    operations = [each for each in operations if not only or each.label in only]
    for lap in itertools.count(1):
        shuffled.shuffle(operations)
        for operation in operations:
            for mode in _MODES:
                if lap > 1 and time.monotonic() > until:
                    break
                run.round(operation, mode, drawn_from=f"{number}/{lap}", cases=cases)
                if len(result.failures) > MAX_FAILURES:
                    return result
        left = until - time.monotonic()
        total = sum(result.requests.values())
        say(f"round {lap}: {total} requests, {len(result.failures)} failures, {left:.0f} s left")
        if left <= 0:
            break
    return result


class _Run:
    """Sends requests, and notes what is wrong with their answers."""

    def __init__(self, app: Flask, key: str) -> None:
        self.result = Result()
        self._known = Known()
        self._accepted = drawing.Accepted(_EXAMPLES)
        self._key = key
        self._differences: list[str] = []
        answers.watch(app, self._differences)
        client = app.test_client()
        client.environ_base["HTTP_X_API_KEY"] = key
        _make_some(client, self._known)

    def round(
        self,
        operation: APIOperation[Any, Any, Any, Any],
        mode: GenerationMode,
        *,
        drawn_from: str,
        cases: int,
    ) -> None:
        """Send up to `cases` requests of one operation."""

        @seed(f"{drawn_from} {operation.label} {mode}")
        @settings(
            max_examples=cases,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @given(case=operation.as_strategy(mode), chosen=st.integers(0, 2**16))
        def send(case: Case[Any], chosen: int) -> None:
            name = self._known.some(case.path, chosen) if chosen % 4 else None
            if name is not None and case.path_parameters and "schedule" not in case.path_parameters:
                case.path_parameters[next(iter(case.path_parameters))] = name
            # The same keys are drawn again and again, and one is for one request.
            if _IDEMPOTENCY_KEY in case.headers and chosen % 8 != 5:
                case.headers[_IDEMPOTENCY_KEY] = f"{case.headers[_IDEMPOTENCY_KEY]}{chosen}"
            if mode is GenerationMode.POSITIVE:
                case.body = self._accepted.mixed(operation.label, case.body, chosen)
                self.result.drawn_valid[operation.label] += 1
                self.result.accepted[operation.label] += self._send(case)
            else:
                self._send(case)

        try:
            send()
        except Unsatisfiable:
            # An operation without parameters has no wrong ones.
            if mode is GenerationMode.POSITIVE:
                raise

    def _send(self, case: Case[Any]) -> bool:
        """Send it, and return whether it was answered with 2xx."""
        # Other keys than ours would be refused.
        for name in set(case.headers) & {"Authorization", "X-API-Key", "dapr-api-token"}:
            del case.headers[name]
        response = case.call(headers={"X-API-Key": self._key, "Accept-Encoding": "identity"})
        self.result.requests[case.operation.label] += 1
        self.result.statuses[response.status_code] += 1
        is_accepted = response.status_code < _REDIRECTED
        if is_accepted:
            self._accepted.add(case.operation.label, case.body)
        location = response.headers.get("location")
        if location and response.status_code < 400:
            self._known.add(location[0])
        wrong = list(self._differences)
        self._differences.clear()
        if response.status_code >= 500 and not _is_expected(case, response):
            wrong.append(f"it is {response.status_code}: {response.text[:500]}")
        try:
            case.validate_response(response, checks=_checks())
        except FailureGroup as group:
            wrong += [str(each) for each in group.exceptions]
        if wrong:
            command = case.as_curl_command()
            self.result.failures.append("\n".join([command, *wrong])[:3000])
        return is_accepted


def _is_expected(case: Case[Any], response: schemathesis.Response) -> bool:
    if case.path == _NOT_READY or response.status_code == _TOO_DEEP:
        return True
    return case.path.startswith("/v1.0") and json.loads(response.text)["errorCode"] != _DEFECT


def _checks() -> list[Any]:
    return schemathesis.checks.CHECKS.get_by_names(_CHECKS)


def _schema(app: Flask, path: str) -> Any:
    return schemathesis.openapi.from_wsgi(f"{path}.json", app)


def _make_some(client: Any, known: Known) -> None:
    """Book and create something of each kind."""
    for _ in range(5):
        known.add(client.post("/1/jobs", json=_JOB).headers["Location"])
    fired = client.post(f"/1/jobs/{known.some('/1/jobs', 0)}/fire")
    known.add(fired.headers["Location"])
    for path, document in (("/1/inboxes", {}), ("/1/keys", {"scope": "read"})):
        known.add(client.post(path, json=document).headers["Location"])
    for path, put in (
        ("/1/jobs/by-name/invoices", {**_JOB, "name": "invoices"}),
        ("/1/dapr-apps/job-service", {"url": "https://example.com"}),
        ("/1/fusion-runners/spark", {"url": "https://example.com"}),
        ("/api/tasks/clean-up", _TASK),
    ):
        assert client.put(path, json=put).status_code < 300
        known.add(path)
    known.add("/jobs/task:clean-up")
    known.add("/tasks/clean-up")
    assert client.post("/v1.0/jobs/R2-D2", json={"dueTime": "1h"}).status_code == 204
    known.add("/v1.0/jobs/R2-D2")


_JOB: Final[dict[str, Any]] = {
    "url": "https://example.com/wake",
    "when": "2099-05-11T15:30:00Z",
}
_TASK: Final[dict[str, Any]] = {
    "type": "rest-call",
    "callParams": {"uri": "https://example.com", "method": "post"},
}
_EXAMPLES: Final[dict[str, list[dict[str, Any]]]] = {
    _BOOKING: [_JOB, {"url": "https://example.com/wake", "cron": "0 0 12 * * ?"}],
    "PUT /1/jobs/by-name/{name}": [_JOB],
    "POST /api/tasks": [{**_TASK, "id": "drawn"}],
    "PUT /api/tasks/{task_id}": [_TASK],
    "POST /v1.0/jobs/{name}": [{"dueTime": "1h"}, {"schedule": "@daily", "data": {"a": 1}}],
}
"""Documents that the first requests are changed from."""


@contextmanager
def served() -> Iterator[tuple[Flask, str]]:
    """An application with a database of its own, and the key of an account."""
    with TemporaryDirectory() as home, postgres_server() as server, migrated(server) as databases:
        app = make_app(home, databases.fresh())
        with app.app_context():
            key = accounts.create(current_context(), "fuzz")
        yield app, key
        with app.app_context():
            db.engine.dispose()


def make_app(home: str | Path, database: str) -> Flask:
    """An application that serves this database."""
    environ: Mapping[str, str] = {
        "WAKECALL_HOME": str(home),
        "DATABASE_URL": database,
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
        "WAKECALL_RATE_LIMIT": "off",
    }
    return create_app(config.load(environ))


def run(number: int, *, until: float) -> int:
    """Fuzz until the clock shows `until`, and print what was found; return 1 if anything was."""
    with served() as (app, key):
        result = fuzz(
            app,
            key,
            number=number,
            cases=CASES,
            until=until,
            say=lambda line: (sys.stdout.write(f"{line}\n"), sys.stdout.flush()),
        )
    for each in result.failures:
        sys.stdout.write(f"\n{each}\n")
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(result.statuses.items()))
    bookings = f"{result.accepted[_BOOKING]} of {result.drawn_valid[_BOOKING]} bookings"
    of_all = f"{result.accepted.total()} of {result.drawn_valid.total()} requests"
    sys.stdout.write(
        f"{result.requests.total()} requests to {len(result.requests)} operations "
        f"({statuses}); {len(result.failures)} failures\n"
        f"of those drawn to be valid, {bookings} and {of_all} in all were accepted\n"
    )
    return 1 if result.failures else 0
