"""Tests of the fault server as the tests of other clients use it: as a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx2

from wakecall import Client

ROOT = Path(__file__).parents[2]
WHEN = "2031-05-11T15:30:00Z"


def test_it_serves_as_a_process_until_its_input_ends() -> None:
    command = [sys.executable, "-m", "tests.clients.fault_server"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        steps = {"steps": [{"do": "drop"}, {"do": "half"}]}
        assert httpx2.put(f"{url}/control", json=steps).status_code == 204
        with Client("key", url=url) as client:
            client.jobs.book("https://example.com/wake", when=WHEN)
        report = httpx2.get(f"{url}/control").json()
        process.stdin.close()
        assert process.wait(60) == 0
    first, second, third = report["requests"]
    assert "dropped" in first
    assert second["idempotencyKey"] == third["idempotencyKey"] is not None
    assert (second["method"], second["target"]) == ("POST", "/1/jobs")
    assert report["bookings"] == 1
