"""`make run`, from a fresh data directory to the last process that ends, and once more."""

from __future__ import annotations

import re
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.instants import format_utc
from app.errors import Unavailable
from local.client import Client
from tests.e2e.conftest import Report, at_home
from tests.e2e.instance import Instance, until
from tests.factories import in_seconds
from tests.receiver import Receiver


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Instance]:
    with at_home(tmp_path / "home", WAKECALL_WORKERS="2") as instance:
        yield instance


def test_a_fresh_start_a_stop_and_a_second_start_that_finds_the_data_again(
    fresh: Instance, receiver: Receiver, report: Report
) -> None:
    fresh.start()
    assert key_when_ready(fresh) == fresh.key
    shown = fresh.wait_for_line("POST /welcome")
    report(shown)
    assert "signature verified" in shown
    late = re.search(r"([0-9.]+) ms late", shown)
    assert late is not None
    assert 0 <= float(late[1]) < 5000
    assert any(fresh.key in line and line.startswith("API key") for line in fresh.lines)
    assert any(f"curl -sS http://127.0.0.1:{fresh.port}/1/jobs" in line for line in fresh.lines)

    document = {"url": receiver.url("/late"), "when": format_utc(in_seconds(1)), "data": "late"}
    late_job = fresh.ask("POST", "/1/jobs", document)
    document = {"url": receiver.url("/later"), "when": format_utc(in_seconds(3600))}
    later_job = fresh.ask("POST", "/1/jobs", document)
    assert (late_job.status, later_job.status) == (201, 201)
    key = fresh.key
    stop(fresh, signal.SIGTERM)

    fresh.start()
    fresh.wait_until_ready()
    assert fresh.key == key
    assert fresh.ask("GET", f"/1/jobs/{later_job.body['id']}").body == later_job.body
    (request,) = receiver.wait_for(1)
    assert request.body == b"late"
    fresh.wait_for_line("Stop")
    assert not any("Example" in line for line in fresh.lines)
    stop(fresh, signal.SIGINT)


def key_when_ready(instance: Instance) -> str:
    """What the key's file holds at the first moment at which `/readyz` answers 200."""
    file = instance.home / "demo-key"
    client = Client(host="127.0.0.1", port=instance.port)
    found: list[str] = []

    def ready() -> bool:
        assert instance.runs(), instance.lines
        try:
            status, _ = client.ask("GET", "/readyz")
        except Unavailable:
            return False
        if status == 200:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            found.append(file.read_text())
        return status == 200

    until(ready, "ready")
    return found[0]


def stop(instance: Instance, number: signal.Signals) -> None:
    """Stop it, and see that nothing is left of it."""
    were = instance.tree()
    names = set(instance.facts()["processes"])
    assert names == {"postgres", "valkey", "web", "scheduler", "worker", "worker-2"}
    assert len(were) > len(names)
    assert instance.stop(number) == 0

    assert instance.left_over(were) == []
    assert not (instance.home / "instance.json").exists()
    with socket.create_server(("127.0.0.1", instance.port)):
        pass
