"""The command line in real processes: the line of `make run`, and calls on this machine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.instance import CHECKOUT
from tests.e2e.instance import PATIENCE, Instance, environment, until
from tests.receiver import Receiver, answer
from wakecall import Webhook

COMMAND = (sys.executable, "-P", "-m", "wakecall.cli")
ENVIRONMENT = environment(PYTHONPATH=f"{CHECKOUT / 'clients' / 'python' / 'src'}", NO_COLOR="1")


def wakecall(instance: Instance, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**ENVIRONMENT, "WAKECALL_HOME": f"{instance.home}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@contextmanager
def listening(
    instance: Instance, tmp_path: Path, *arguments: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A `wakecall listen` that waits for calls, and the URL of its inbox."""
    log = tmp_path / "listen.err"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*COMMAND, "listen", *arguments, "-o", "jsonl"],
            env={**ENVIRONMENT, "WAKECALL_HOME": f"{instance.home}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        until(lambda: "Waiting" in log.read_text() or process.poll() is not None, "it listens")
        assert process.poll() is None, log.read_text()
        yield process, log.read_text().split(" -> ")[0]
    finally:
        process.kill()
        process.communicate()


def test_the_line_that_make_run_prints_books_a_call_and_waits_for_it(running: Instance) -> None:
    line = running.wait_for_line(" book ").strip()

    done = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=CHECKOUT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 36
    assert "Called " in done.stderr
    assert "succeeded" in done.stderr


def test_a_call_is_brought_here_and_completed(
    running: Instance, receiver: Receiver, tmp_path: Path
) -> None:
    secret = wakecall(running, "secret", "show").stdout.strip()
    with listening(running, tmp_path, receiver.url("/hooks")) as (process, url):
        booked = wakecall(
            running, "book", f"{url}/paid?shop=1", "--in", "1s", "--data", "7", "--wait", "--json"
        )
        (call,) = receiver.wait_for(1)
        assert process.stdout is not None
        printed: dict[str, Any] = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)

    assert (call.method, call.target, call.body) == ("POST", "/hooks/paid?shop=1", b"7")
    verified = Webhook(secret).verify(call.body, call.headers)
    run = json.loads(booked.stdout)
    assert (booked.returncode, run["state"], run["id"]) == (0, "succeeded", verified.id)
    assert (printed["status"], printed["completed"]) == (204, "succeeded")
    assert printed["call"]["run"] == run["id"]
    assert code == 0


def test_a_failure_here_can_end_the_run(
    running: Instance, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.default = answer(500)
    with listening(running, tmp_path, str(receiver.port), "--once", "--fail") as (process, url):
        booked = wakecall(running, "book", url, "--in", "1s", "--wait")
        code = process.wait(PATIENCE)

    assert (booked.returncode, code) == (1, 1)
    assert "failed: listen: 500" in booked.stderr
