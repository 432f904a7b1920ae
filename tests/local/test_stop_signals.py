"""`make run` asked to stop: several signals at once are one request, and it ends without delay."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from types import SimpleNamespace
from typing import cast

import pytest

from app import stop_requests
from app.errors import Unavailable
from local import processes, run
from local.client import Client
from local.instance import Instance


@pytest.mark.parametrize(("within", "hurried"), [(60.0, 0), (0.0, 2)])
def test_only_a_later_signal_hurries(
    within: float, hurried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop_requests, "REPEATED_WITHIN_S", within)
    hurries: list[int] = []
    supervisor = SimpleNamespace(hurry=lambda: hurries.append(1))
    instance = cast("Instance", SimpleNamespace(supervisor=supervisor))

    async def ask_three_times() -> None:
        stop = run._stop_on_signals(instance)
        loop = asyncio.get_running_loop()
        heard = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, heard.set)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
            await stop.wait()
        # Handled after those before it.
        os.kill(os.getpid(), signal.SIGUSR1)
        await heard.wait()

    asyncio.run(ask_three_times())
    assert len(hurries) == hurried


def test_a_start_that_is_broken_off_waits_for_no_process_to_be_ready() -> None:
    asked = threading.Event()

    class Silent(Client):
        def ask(self, *_: object) -> tuple[int, str]:
            asked.set()
            raise Unavailable("no answer")

    instance = cast(
        "Instance", SimpleNamespace(processes={}, supervisor=SimpleNamespace(deaths={}))
    )

    async def begin_and_break_off() -> None:
        start = asyncio.create_task(processes.start(instance, Silent(host="127.0.0.1", port=1)))
        await asyncio.to_thread(asked.wait)
        start.cancel()
        await asyncio.wait({start})

    # The end of the event loop waits for all threads.
    running = threading.Thread(target=asyncio.run, args=(begin_and_break_off(),), daemon=True)
    running.start()
    running.join(20)
    assert not running.is_alive()
