"""Unexpected errors of PostgreSQL are logged without rows and parameters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from cryptography.fernet import Fernet

from app import log
from tests.factories import add_account, book, connect

ROOT = Path(__file__).parent.parent

WEB = """
import os, sys
from app import config, create_app, log
from app.api.context import context_of
from app.service import accounts
log.configure("web")
app = create_app(config.load(os.environ))
key = accounts.create(context_of(app), "demo")
client = app.test_client()
job = {
    "url": "https://example.com/PRIVATE",
    "when": "2099-01-01T00:00:00Z",
    "headers": {"Authorization": "Bearer PRIVATE"},
    "data": "PRIVATE",
}
# The first authenticates through SQLAlchemy; the second takes the caller from the key cache.
statuses = [
    client.post("/1/jobs", json=job, headers={"X-API-Key": key}).status_code,
    client.post("/1/jobs", json=job, headers={"X-API-Key": key}).status_code,
    client.post("/1/jobs/bulk", json=[job], headers={"X-API-Key": key}).status_code,
]
print(statuses)
"""

WORKER = """
import sys
from app import log
from app.domain.run import Attempt, Reply, RunState
from datetime import UTC, datetime
from tests.factories import claim_and_take, connect
from tests.workers.harness import SECRET, Harness
from workers.dispatch.leased_run import lease
from app.store.connection import ReconnectingConnection
from workers.dispatch.settler import Settler
log.configure("worker")
harness = Harness()
with connect(sys.argv[1]) as connection:
    [run] = claim_and_take(connection)
leased = lease(run, (SECRET,), sent_at=harness.clock.now, answered=harness.clock.now)
reply = Reply(status=500, headers=(("X-Private", "PRIVATE"),), body=b"PRIVATE")
attempt = Attempt(1, datetime(2026, 1, 1, tzinfo=UTC), 0.0, reply)
end = leased.settlement(RunState.FAILED, reason="PRIVATE", attempt=attempt)
harness.channels.settlements.append((leased, end))
database = ReconnectingConnection(sys.argv[1], "settler")
settler = Settler(database, harness.dispatcher, harness.channels, "test")
settler.run_once()
"""


def test_the_web_logs_no_row_and_no_parameter(database: str, tmp_path: Path) -> None:
    refuse_all(database, "job")
    environ = {
        "DATABASE_URL": database,
        "WAKECALL_HOME": str(tmp_path),
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
    }

    said, logged = run(WEB, environ=environ)

    assert said == "[500, 500, 500]"
    assert [each["event"] for each in logged] == ["request.failed"] * 3
    for each in logged:
        assert "refuse_all" in each["exception"]
        assert "23514" in each["exception"]
    assert "PRIVATE" not in json.dumps(logged)


def test_a_worker_logs_no_row_and_no_parameter(database: str) -> None:
    with connect(database) as connection:
        book(connection, add_account(connection), due_in=-1)
    refuse_all(database, "run")

    _, logged = run(WORKER, database)

    [line] = [each for each in logged if each["event"] == "run.cannot_be_settled"]
    assert line["error"].startswith("23514: ")
    assert "refuse_all" in line["error"]
    assert "PRIVATE" not in json.dumps(logged)


def refuse_all(database: str, table: str) -> None:
    with connect(database) as connection:
        connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT refuse_all CHECK (false) NOT VALID")


def run(
    program: str, *arguments: str, environ: dict[str, str] | None = None
) -> tuple[str, list[dict[str, Any]]]:
    """What a program says, and what it logs."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("SELECT 'PRIVATE'::int", "22P02: invalid input syntax for type integer"),
        ("SELECT '{PRIVATE'::jsonb", "22P02: invalid input syntax for type json"),
        ("SELECT 1 / 0", "22012: division by zero"),
        ("SELECT PRIVATELY", '42703: column "privately" does not exist'),
    ],
)
def test_the_description_of_an_error_has_state_and_message_without_values(
    database: str, statement: str, text: str
) -> None:
    with connect(database) as connection, pytest.raises(psycopg.Error) as raised:
        connection.execute(statement)

    assert log.describe_error(raised.value) == text


def test_an_error_is_the_same_through_sqlalchemy(database: str) -> None:
    with connect(database) as connection, pytest.raises(psycopg.Error) as raised:
        connection.execute("SELECT 1 / 0")
    wrapped = sqlalchemy.exc.DataError("SELECT PRIVATE", {"a": "PRIVATE"}, raised.value)

    assert log.describe_error(wrapped) == "22012: division by zero"


def test_the_reason_why_no_server_answers_is_reported() -> None:
    with pytest.raises(psycopg.OperationalError) as raised:
        psycopg.connect("postgresql://127.0.0.1:1/nowhere")

    assert "127.0.0.1" in log.describe_error(raised.value)
    assert "refused" in log.describe_error(raised.value)


def test_every_logged_error_is_described() -> None:
    """`str(error)` of PostgreSQL's errors has rows in it, and SQLAlchemy's has parameters."""
    for source in [*ROOT.glob("app/**/*.py"), *ROOT.glob("workers/**/*.py")]:
        assert "error=str(" not in " ".join(source.read_text().split()).replace("( ", "(").replace(
            # Redis has no rows.
            'logger.warning("redis.away", error=str(error)',
            "",
        ), source
