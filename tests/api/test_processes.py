"""The web server's processes: how they end, and that none outlives the others."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.api.server import ask, parent, read_reply, request, serving, until
from tests.factories import connect, one

ONCE = b'{"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}'


def test_sigterm_lets_a_request_finish_and_takes_no_more(
    web_environ: dict[str, str], web_key: str
) -> None:
    with serving(web_environ, workers=2) as web, web.connect() as idle, web.connect() as busy:
        idle.sendall(request("GET", "/healthz"))
        assert read_reply(idle).status == 200
        sent = request("POST", "/1/jobs", ONCE, X_API_Key=web_key, Content_Type="application/json")
        busy.sendall(sent[:-20])
        assert ask(web, request("GET", "/healthz")).status == 200
        web.process.send_signal(signal.SIGTERM)
        until(lambda: not web.accepts())
        busy.sendall(sent[-20:])
        assert read_reply(busy).status == 201
        assert web.process.wait(30) == 0


def test_what_was_seen_in_the_last_minute_is_stored_at_the_end(
    web_environ: dict[str, str], web_key: str
) -> None:
    with connect(web_environ["DATABASE_URL"]) as connection:
        connection.execute("UPDATE api_key SET last_used_at = NULL")
        with serving(web_environ) as web:
            assert ask(web, request("GET", "/1/jobs", X_API_Key=web_key)).status == 200
        assert one(connection, "SELECT last_used_at IS NOT NULL FROM api_key") is True


def test_workers_end_after_a_main_process_that_was_killed(web_environ: dict[str, str]) -> None:
    with serving(web_environ, workers=2) as web:
        workers = web.workers()
        assert len(workers) == 2
        os.kill(web.process.pid, signal.SIGKILL)
        web.process.wait(30)
        until(lambda: all(parent(worker) is None for worker in workers))
        assert not web.accepts()


def test_a_worker_that_was_killed_is_replaced(web_environ: dict[str, str]) -> None:
    with serving(web_environ) as web:
        (before,) = web.workers()
        os.kill(before, signal.SIGKILL)
        until(lambda: web.accepts() and web.workers() not in ([], [before]))
        assert ask(web, request("GET", "/healthz")).status == 200
        assert web.process.poll() is None


def test_a_worker_that_grows_too_large_is_replaced_and_no_request_is_lost(
    web_environ: dict[str, str],
) -> None:
    with serving(web_environ, workers_max_rss="60", rss_sample_interval="1") as web:
        before = web.workers()
        until(lambda: not set(web.workers()) & set(before) and web.accepts())
        for _ in range(20):
            assert ask(web, request("GET", "/healthz")).status == 200
        assert web.process.poll() is None


@pytest.mark.parametrize(
    ("setting", "said"),
    [({"WAKECALL_RATE_LIMIT": "x"}, b"WAKECALL_RATE_LIMIT must be an integer from 1")],
)
def test_a_wrong_setting_ends_the_server_with_the_reason(
    web_environ: dict[str, str],
    setting: dict[str, str],
    said: bytes,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(AssertionError), serving({**web_environ, **setting}):
        pass
    errors = capfd.readouterr().err
    assert said.decode() in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(("setting", "niceness"), [({}, 5), ({"WAKECALL_WEB_NICE": "0"}, 0)])
def test_threads_that_run_the_application_give_way_and_the_event_loop_does_not(
    web_environ: dict[str, str], web_key: str, setting: dict[str, str], niceness: int
) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with serving({**web_environ, **setting}) as web:
        (worker,) = web.workers()
        assert ask(web, request("GET", "/1/jobs", X_API_Key=web_key)).status == 200
        assert os.getpriority(os.PRIO_PROCESS, worker) == before
        threads = Path(f"/proc/{worker}/task").iterdir()
        found = {os.getpriority(os.PRIO_PROCESS, int(each.name)) for each in threads}
        assert found == {before, max(before, niceness)}
