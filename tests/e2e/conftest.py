"""What the end-to-end tests share: running instances, a receiver, and the figures they tell."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.e2e.instance import Instance, until
from tests.e2e.sink import Sink
from tests.factories import one
from tests.receiver import Receiver, answer

Report = Callable[[str], None]

_FIGURE = "figure"


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Report:
    """Takes a line about what was measured, to be printed when all tests are done."""
    return lambda line: record_property(_FIGURE, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [each for kind in ("passed", "failed") for each in terminalreporter.getreports(kind)]
    lines = [
        (each.nodeid.rpartition("::")[2], text)
        for each in reports
        if each.when == "call"
        for name, text in each.user_properties
        if name == _FIGURE
    ]
    if lines:
        terminalreporter.section("figures")
    for name, text in lines:
        terminalreporter.write_line(f"{name}: {text}")


@contextmanager
def at_home(home: Path, **settings: str) -> Iterator[Instance]:
    """An instance that is not started yet, and that leaves nothing but its logs behind."""
    instance = Instance(home, **settings)
    try:
        yield instance
    finally:
        if instance.process is not None:
            instance.stop()
        # For root the data may lie elsewhere, where the server's user can reach it.
        shutil.rmtree((home / "postgres").resolve(), ignore_errors=True)


@contextmanager
def at_work(home: Path) -> Iterator[Instance]:
    """An instance that has nothing to do any more."""
    with at_home(home) as instance:
        instance.start()
        instance.wait_until_ready()
        instance.wait_for_line("Inbox")
        yield instance


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance that nobody harms, so that none of its processes has to report an error."""
    with at_work(tmp_path_factory.mktemp("running") / "home") as instance:
        yield instance
    assert instance.errors() == []


@pytest.fixture(scope="session")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance whose processes are killed, stopped and robbed."""
    with at_work(tmp_path_factory.mktemp("harmed") / "home") as instance:
        yield instance


@pytest.fixture
def battered(harmed: Instance) -> Instance:
    """The harmed instance, recovered from what it went through before."""
    harmed.wait_until_ready()
    with harmed.connect() as connection:
        until(lambda: one(connection, "SELECT count(*) FROM inflight") == 0, "nothing is under way")
    return harmed


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver whose behaviour a test sets."""
    with Receiver(answer(204)) as made:
        yield made


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A receiver for many calls at once, all of which succeed."""
    with Sink(answer(204)) as made:
        yield made


@pytest.fixture
def connection(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """A connection to the database of the instance that the test is about."""
    name = "battered" if "battered" in request.fixturenames else "running"
    instance: Instance = request.getfixturevalue(name)
    with instance.connect() as opened:
        yield opened
