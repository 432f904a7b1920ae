"""The web process whose standard error is broken, or of which a thread ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.api.server import ask, request, serving, until
from tests.broken_logs import BROKEN, full_pipe

ONCE = b'{"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}'


@pytest.mark.parametrize("kind", BROKEN)
def test_requests_are_answered_whatever_becomes_of_the_log(
    kind: str, web_environ: dict[str, str], web_key: str
) -> None:
    with (
        BROKEN[kind]() as stderr,
        serving(web_environ, "tests.api.defective_app:asgi", stderr=stderr) as web,
    ):
        sent = request("POST", "/1/jobs", ONCE, X_API_Key=web_key, Content_Type="application/json")
        assert ask(web, sent).status == 201
        for _ in range(20):
            defect = ask(web, request("GET", "/defect"))
            assert (defect.status, defect.json()["type"]) == (500, "/problems/internal")
        (worker,) = web.workers()
        os.kill(worker, signal.SIGKILL)
        until(lambda: web.accepts() and web.workers() not in ([], [worker]))
        assert ask(web, sent).status == 201
        web.process.send_signal(signal.SIGTERM)
        assert web.process.wait(30) == 0


def test_a_thread_that_ends_takes_its_process_down_and_another_takes_over(
    web_environ: dict[str, str], tmp_path: Path
) -> None:
    end = tmp_path / "end"
    environ = {**web_environ, "END": f"{end}"}
    with (
        full_pipe() as stderr,
        serving(environ, "tests.api.defective_app:asgi", stderr=stderr) as web,
    ):
        (before,) = web.workers()
        # The server takes a worker that ends within its first seconds for one that never runs.
        until(lambda: ask(web, request("GET", "/metrics")).status == 200)
        end.touch()
        until(lambda: web.workers() not in ([], [before]) and web.accepts())
        assert ask(web, request("GET", "/healthz")).status == 200
        assert not end.exists()
