"""Readiness: whether this web process can store bookings, and whether all of them together work."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import psycopg
import pytest
from flask import Flask
from psycopg import sql

from app.api.asgi import THREADS
from app.store import heartbeats
from app.store.database_state import needed_revision
from tests.api.server import Web, ask, request, serving, until
from tests.api.test_health_under_load import took
from tests.ports import free_port
from tests.servers import database_name

PARTS: Final = ["ready", "database", "scheduler", "worker", "redis"]
UPGRADE: Final = "Run flask --app wsgi db upgrade."
OUTDATED: Final = (
    "The database has the schema revision {}, but this release needs "
    f"{needed_revision()}. {UPGRADE}"
)
SILENT: Final = (
    "No scheduler and no worker has sent a heartbeat within 10 s. Start what is missing."
)
READ_ONLY: Final = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on")
WRITABLE: Final = sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only")


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


def readiness(app: Flask, query: str = "") -> tuple[int, dict[str, Any]]:
    answer = app.test_client().get(f"/readyz{query}")
    return answer.status_code, answer.get_json()


def test_a_web_process_is_ready_without_scheduler_and_worker(
    app: Flask, connection: psycopg.Connection
) -> None:
    status, parts = readiness(app)
    assert (status, list(parts)) == (200, PARTS)
    assert (parts["ready"], parts["scheduler"], parts["worker"]) == (True, False, False)

    for process, missing in (
        ("scheduler", "No scheduler and no worker has"),
        ("worker", "No worker has"),
    ):
        status, parts = readiness(app, "?all=true")
        assert (status, list(parts), parts["ready"]) == (503, [*PARTS, "reason"], False)
        assert parts["reason"].startswith(f"{missing} sent a heartbeat within 10 s.")
        heartbeats.beat(connection, process, "one")
    assert readiness(app, "?all=true")[0] == 200

    # As a worker does when it ends in good order.
    heartbeats.deregister(connection, "worker", "one")
    status, parts = readiness(app, "?all=true")
    assert (status, parts["scheduler"], parts["worker"]) == (503, True, False)
    assert readiness(app)[0] == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?all=false", 200),
        ("?probe=7", 200),
        ("?all", 503),
        ("?all=1", 503),
        ("?all=true&all=false", 503),
        ("?all=", 503),
        ("?all=False", 503),
        ("?all=0", 503),
        # Of so many characters none is read.
        (f"?all=false&{'a' * 1014}", 200),
        (f"?all=false&{'a' * 1015}", 503),
    ],
)
def test_what_is_not_false_asks_about_all_processes(app: Flask, query: str, status: int) -> None:
    assert readiness(app, query)[0] == status


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            READ_ONLY,
            (
                "The database is read-only. Connect to the primary, or unset "
                "default_transaction_read_only."
            ),
        ),
        (
            sql.SQL("UPDATE alembic_version SET version_num = '0001'"),
            OUTDATED.format("0001"),
        ),
        (sql.SQL("DELETE FROM alembic_version"), OUTDATED.format("none")),
        (sql.SQL("DROP TABLE alembic_version"), f"The database has no tables. {UPGRADE}"),
    ],
)
def test_a_web_process_that_cannot_store_bookings_says_why(
    app: Flask, connection: psycopg.Connection, database: str, change: sql.SQL, reason: str
) -> None:
    connection.execute(change.format(sql.Identifier(database_name(database))))

    for query in ("", "?all=true"):
        status, parts = readiness(app, query)
        assert (status, list(parts)) == (503, [*PARTS, "reason"])
        assert (parts["ready"], parts["database"], parts["reason"]) == (False, False, reason)


def test_a_schema_of_the_next_release_is_no_obstacle(
    app: Flask, connection: psycopg.Connection
) -> None:
    connection.execute("UPDATE alembic_version SET version_num = '9999'")

    assert readiness(app)[0] == 200


def test_the_schema_is_of_the_revision_that_the_release_needs(
    connection: psycopg.Connection,
) -> None:
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
        (needed_revision(),)
    ]


def readiness_of(web: Web, query: str = "") -> tuple[int, str | None]:
    answer = ask(web, request("GET", f"/readyz{query}"))
    return answer.status, answer.json().get("reason")


def end_sessions(connection: psycopg.Connection) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_a_web_process_notices_that_its_database_is_read_only_and_that_it_is_not_any_more(
    web: Web, web_environ: dict[str, str]
) -> None:
    url = web_environ["DATABASE_URL"]
    name = sql.Identifier(database_name(url))
    until(lambda: readiness_of(web) == (200, None))

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(READ_ONLY.format(name))
        end_sessions(connection)
        until(lambda: "read-only" in (readiness_of(web)[1] or ""))
        assert readiness_of(web)[0] == 503

        connection.execute(WRITABLE.format(name))
    until(lambda: readiness_of(web) == (200, None))
    assert readiness_of(web, "?all=true") == (503, SILENT)


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a database of which the kernel takes connections, and which answers none."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"postgresql://nobody@127.0.0.1:{server.getsockname()[1]}/nothing"


def test_the_process_answers_from_the_start_however_many_requests_wait_for_the_database(
    web_environ: dict[str, str], silent: str
) -> None:
    port = free_port()
    environ = {**web_environ, "DATABASE_URL": silent, "WAKECALL_ADMIN_PORT": str(port)}
    key = "wk_vRfVdy0uOdSmIVUOuean7N8JQq2mf8IengbLZKxOwpHzFRX2"
    with serving(environ) as web, ExitStack() as stack:
        admin = Web(port=port, process=web.process)
        until(admin.accepts)
        for number in range(3 * THREADS):
            connection = stack.enter_context(web.connect())
            path = "/1/runs" if number % 2 else "/1/jobs"
            connection.sendall(request("GET", path, X_API_Key=key))
        for each in (web, admin):
            seconds, status = took(each, "/healthz")
            assert (seconds < 1, status) == (True, 200)
            assert (
                readiness_of(each)
                == readiness_of(each, "?all=true")
                == (503, "The database does not answer.")
            )
