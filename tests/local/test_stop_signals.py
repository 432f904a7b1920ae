"""`make run` asked to stop by several signals: those that come at once are one request."""

from __future__ import annotations

import asyncio
import os
import signal
from types import SimpleNamespace
from typing import cast

import pytest

from app import stop_requests
from local import run
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
