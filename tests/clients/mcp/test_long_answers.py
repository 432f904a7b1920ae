"""Long answers of the service are read in one thread, and the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import Any, Final

import httpx2
import pytest
import uvicorn

from wakecall import WakecallError
from wakecall._core.attempts import Attempts
from wakecall.mcp import http
from wakecall.mcp.http import KeyOfRequest
from wakecall.mcp.long_answers import LONG_BYTES, SWITCH_S

PATIENCE_S: Final = 60.0
RUN: Final = {
    "id": "01a2027f-84a8-7c3e-aef9-24372cb91472",
    "kind": "scheduled",
    "due": "2026-11-22T09:04:01Z",
    "state": "failed",
    "reason": "x" * LONG_BYTES,
}


def serve(request: httpx2.Request) -> httpx2.Response:
    """A list of one long run, no job, and a long text that is no document."""
    if request.url.path == "/1/runs":
        return httpx2.Response(200, json=[RUN])
    if request.url.path == "/1/jobs":
        return httpx2.Response(200, json=[])
    return httpx2.Response(400, content=json.dumps("x" * 2 * LONG_BYTES).encode())


class Reading:
    """Holds the reading of answers in threads other than the event loop's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()
        self.at_once = self.most = 0
        judge = Attempts.judge

        def held(attempts: Attempts[Any], outcome: Any) -> Any:
            if threading.current_thread() is threading.main_thread():
                return judge(attempts, outcome)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self.begun.release()
            assert self.go_on.wait(PATIENCE_S)
            self.at_once -= 1
            return judge(attempts, outcome)

        monkeypatch.setattr(Attempts, "judge", held)


def test_while_long_answers_are_read_others_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Reading(monkeypatch)

    async def run() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(serve)) as link:
            access = KeyOfRequest("http://wakecall.test", link)
            busy, calm = access.client_of("wk_busy"), access.client_of("wk_calm")
            standing = [asyncio.ensure_future(busy.runs.list().first()) for _ in range(4)]
            assert await asyncio.to_thread(reading.begun.acquire, timeout=PATIENCE_S)
            assert (await calm.jobs.list().first()).items == ()
            assert not any(each.done() for each in standing)
            reading.go_on.set()
            pages = await asyncio.gather(*standing)
        assert [page.items[0].reason for page in pages] == [RUN["reason"]] * 4

    asyncio.run(run())
    assert reading.most == 1


def test_a_long_refusal_is_an_error_as_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Reading(monkeypatch)
    reading.go_on.set()

    async def run() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(serve)) as link:
            client = KeyOfRequest("http://wakecall.test", link).client_of("wk_busy")
            with pytest.raises(WakecallError, match="400"):
                await client.account()

    asyncio.run(run())
    assert reading.most == 1


def test_the_server_takes_the_interpreter_from_that_thread_after_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: None)
    before = sys.getswitchinterval()
    try:
        http.serve("http://wakecall.test", host="127.0.0.1", port=0)
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    finally:
        sys.setswitchinterval(before)
