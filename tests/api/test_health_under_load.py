"""Health and figures of the real web server, whatever else hangs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from app.api.asgi import THREADS
from app.service.health_watch import MAX_AGE_S
from tests.api.server import Web, ask, request, serving, until
from tests.ports import free_port

PATHS = ("/healthz", "/readyz", "/metrics", "/%6detrics", "/health%7a")


def took(web: Web, path: str) -> tuple[float, int]:
    """How long the quickest of some answers took, and their status: the machine is shared."""
    best, status = 60.0, 0
    for _ in range(5):
        begun = time.monotonic()
        status = ask(web, request("GET", path)).status
        best = min(best, time.monotonic() - begun)
    return best, status


@contextmanager
def stopped_backends(url: str) -> Iterator[None]:
    """PostgreSQL answers nothing on the connections that this database has."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
        backends = [pid for (pid,) in rows]
        assert backends
        for pid in backends:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in backends:
                os.kill(pid, signal.SIGCONT)


def test_health_is_answered_while_requests_hang_and_the_database_is_silent(
    web: Web, web_environ: dict[str, str], web_key: str
) -> None:
    until(lambda: ask(web, request("GET", "/metrics")).status == 200)
    assert ask(web, request("GET", "/1/account", X_API_Key=web_key)).status == 200
    with ExitStack() as stack:
        stack.enter_context(stopped_backends(web_environ["DATABASE_URL"]))
        silent_since = time.monotonic()
        for _ in range(2 * THREADS):
            connection = stack.enter_context(web.connect())
            connection.sendall(request("GET", "/1/runs", X_API_Key=web_key))
        for path in PATHS:
            assert took(web, path)[0] < 0.1
        until(lambda: ask(web, request("GET", "/metrics")).status == 503)
        assert time.monotonic() - silent_since < MAX_AGE_S + 4
        statuses = {path: took(web, path) for path in PATHS}
    assert {path: status for path, (_, status) in statuses.items()} == {
        "/healthz": 200,
        "/health%7a": 200,
        "/readyz": 503,
        "/metrics": 503,
        "/%6detrics": 503,
    }
    assert max(seconds for seconds, _ in statuses.values()) < 0.1
    until(lambda: ask(web, request("GET", "/metrics")).status == 200)


def test_answers_of_the_asgi_layer_look_like_others(web: Web) -> None:
    until(lambda: ask(web, request("GET", "/metrics")).status == 200)
    for path in ("/healthz", "/readyz", "/metrics"):
        got, head = (ask(web, request(method, path)) for method in ("GET", "HEAD"))
        assert (head.status, head.body) == (got.status, b"")
        assert head.headers["content-length"] == str(len(got.body))
        assert got.headers["cache-control"] == "no-store"
        assert ask(web, request("POST", path, b"")).status == 405
    readiness = ask(web, request("GET", "/readyz"))
    assert (readiness.status, readiness.json()["database"]) == (200, True)


def test_metrics_are_complete_from_the_first_request_on(
    web_environ: dict[str, str], web_key: str
) -> None:
    assert web_key
    with serving(
        {**web_environ, "SLOWLY": "0.5"}, "tests.api.defective_app:asgi", workers=2
    ) as web:
        assert {ask(web, request("GET", "/metrics")).status for _ in range(10)} == {200}


@pytest.mark.parametrize("workers", [1, 2])
def test_figures_have_a_port_of_their_own_where_one_is_given(
    web_environ: dict[str, str], web_key: str, workers: int
) -> None:
    assert web_key
    port = free_port()
    environ = {**web_environ, "WAKECALL_ADMIN_PORT": str(port)}
    with serving(environ, workers=workers) as web:
        admin = Web(port=port, process=web.process)
        until(lambda: admin.accepts() and ask(admin, request("GET", "/metrics")).status == 200)
        for _ in range(10):
            assert ask(admin, request("GET", "/%6detrics")).status == 200
            assert ask(admin, request("GET", "/healthz")).status == 200
            assert ask(admin, request("GET", "/readyz")).status == 200
            assert ask(admin, request("GET", "/readyz?all=true")).status == 503
            assert ask(admin, request("GET", "/1/jobs")).status == 404
        assert ask(web, request("GET", "/metrics")).status == 404
        assert ask(web, request("GET", "/%6detrics")).status == 404
        assert ask(web, request("GET", "/healthz")).status == 200
        assert ask(web, request("GET", "/readyz")).status == 200
        web.process.send_signal(signal.SIGTERM)
        assert web.process.wait(30) == 0
    assert not admin.accepts()
