"""Scale: time each statement of the console's pages on millions of runs.

python -m tests.scale [--runs N] [--jobs N] [--folder FOLDER] [--keep]

fills a PostgreSQL server of its own in FOLDER (some 800 bytes a run, 8 GB for ten million), opens
each page five times as a browser does, and prints the sum and the slowest statement of each page:
the least of the rounds after the first, since others use the machine as well. Ends with 1 where a
statement takes more than 50 ms, or a page more than 100 ms of SQL or 40 KB of HTML. With --keep a
later run finds the rows again.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from lxml import html

from app import config, create_app
from app.api.context import context_of
from app.store.engine import db
from local import cluster as clusters
from local import owner, postgres
from local.program import listen
from local.terminal import say, step
from tests.console.people import signed_in_as
from tests.factories import connect, one
from tests.scale import statements
from tests.scale.fill import Size, fill
from tests.scale.pages import PAGES
from tests.servers import Server, migrate, sockets

MAX_STATEMENT_MS = 50
MAX_PAGE_MS = 100
MAX_BYTES = 40 * 1024
ACCOUNT = "busy"
FOLDER = Path("/var/tmp/wakecall-scale")
_ROUNDS = 5
_PASSWORD = "scale"
_SETTINGS = {**postgres.SETTINGS, "fsync": "off", **statements.SETTINGS}
_CURSOR = re.compile(r"[?&](?:older|cursor)=([^&]+)")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a page took."""

    name: str
    first_ms: float
    """The sum of its statements when it was opened first."""
    sum_ms: float
    slowest: statements.Statement
    size: int

    @property
    def is_slow(self) -> bool:
        return (
            self.slowest.took_ms > MAX_STATEMENT_MS
            or self.sum_ms > MAX_PAGE_MS
            or self.size > MAX_BYTES
        )


@contextmanager
def database(folder: Path) -> Iterator[tuple[str, Callable[[], Callable[[], str]]]]:
    """The URL of a server on the disk, and what begins to listen to its log."""
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    folder.chmod(0o711)
    with sockets() as at:
        runner = owner.choose(folder / "postgres")
        cluster = clusters.prepare(folder / "postgres", at, _PASSWORD, runner)
        program = postgres.program(cluster, folder / f"log-{uuid4().hex}", _SETTINGS)
        with Server(program) as server:
            postgres.await_ready(cluster, server.alive, server.words, lambda _: None)
            yield postgres.url(cluster), lambda: listen(program)


def measure(
    client: FlaskClient, path: str, heard: Callable[[], Callable[[], str]], name: str
) -> Measured:
    """Open a page several times."""
    sums, each = [], []
    size = 0
    for _ in range(_ROUNDS):
        words = heard()
        answer = client.get(path)
        assert answer.status_code == 200, (name, answer.status_code, answer.text[-2000:])
        size = len(answer.data)
        each.append(statements.read(words()))
        sums.append(sum(found.took_ms for found in each[-1]))
    by_text: dict[str, list[float]] = {}
    for found in each[1:]:
        for statement in found:
            by_text.setdefault(statement.text, []).append(statement.took_ms)
    text, took = max(by_text.items(), key=lambda item: min(item[1]))
    return Measured(
        name=name,
        first_ms=sums[0],
        sum_ms=min(sums[1:]),
        slowest=statements.Statement(text=text, took_ms=min(took)),
        size=size,
    )


def fields(client: FlaskClient, connection: psycopg.Connection) -> dict[str, str]:
    """What stands in the paths of PAGES."""
    now = datetime.now(UTC)
    found = {
        "busy": one(connection, "SELECT id FROM job ORDER BY id LIMIT 1"),
        "quiet": one(connection, "SELECT id FROM job ORDER BY id DESC LIMIT 1"),
        "run": _newest(connection, "succeeded"),
        "failed": _newest(connection, "failed"),
        "early": f"{now - timedelta(days=20):%Y-%m-%dT%H:%M}",
        "later": f"{now - timedelta(days=18):%Y-%m-%dT%H:%M}",
    }
    for name, path in (("older", "/console/runs"), ("jobs_cursor", "/console/jobs")):
        page: Any = html.document_fromstring(client.get(path).text)
        (address,) = page.xpath("//a[@rel='next']/@href")
        cursor = _CURSOR.search(address)
        assert cursor is not None, address
        found[name] = cursor[1]
    return {name: str(value) for name, value in found.items()}


def _newest(connection: psycopg.Connection, state: str) -> str:
    query = "SELECT id FROM run WHERE state = %s AND due_at > now() - interval '1 day' LIMIT 1"
    return str(one(connection, query, state))


def play(url: str, heard: Callable[[], Callable[[], str]], size: Size) -> list[Measured]:
    """Fill the database if it is empty, and measure all pages."""
    migrate(url)
    environ = {
        "DATABASE_URL": url,
        "WAKECALL_HOME": "/nowhere",
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
        "WAKECALL_RATE_LIMIT": "off",
    }
    app = create_app(config.load(environ))
    context = context_of(app)
    # Pages share counts for some seconds; here each page counts by itself.
    context.recent_counts.fresh_for = context.recent_loads.fresh_for = timedelta()
    signed_in = signed_in_as(app, "owner@busy.example", ACCOUNT)
    try:
        with connect(url) as connection, step("Rows", "filling") as filling:
            if not one(connection, "SELECT count(*) FROM (SELECT FROM run LIMIT 1) few"):
                fill(connection, signed_in.account.id, size, filling.doing)
            query = "SELECT pg_size_pretty(pg_database_size(current_database()))"
            filling.result = f"{one(connection, query)}"
            given = fields(signed_in.client, connection)
        with step("Pages", "opening") as opening:
            found = []
            for name, path in PAGES.items():
                opening.doing(name)
                found.append(measure(signed_in.client, path.format(**given), heard, name))
            opening.result = f"{len(found)} pages, {_ROUNDS} times each"
    finally:
        with app.app_context():
            db.engine.dispose()
    return found


def main(arguments: list[str]) -> int:
    """Measure the pages; 0 where all keep the limits."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000_000)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args(arguments)
    try:
        with database(given.folder) as (url, heard):
            found = play(url, heard, Size(jobs=given.jobs, runs=given.runs))
    finally:
        if not given.keep:
            shutil.rmtree(given.folder, ignore_errors=True)
    say("", f"{'page':<26}{'first':>9}{'sum':>9}{'slowest':>9}  ms  {'HTML':>6}")
    for each in found:
        marked = " <- " + each.slowest.text[:200] if each.is_slow else ""
        say(
            "",
            f"{each.name:<26}{each.first_ms:9.1f}{each.sum_ms:9.1f}{each.slowest.took_ms:9.1f}"
            f"      {each.size / 1024:5.1f}K{marked}",
        )
    return 1 if any(each.is_slow for each in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
