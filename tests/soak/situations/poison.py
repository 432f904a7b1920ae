"""Poison: a call that ends every process that makes it, beside calls of other accounts."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from app.domain.instants import format_utc
from tests.factories import one
from tests.soak import receiver
from tests.soak.ground import Ground
from tests.soak.situation import Situation

_PATIENCE_S = 240.0
_STATE = "SELECT state FROM run WHERE job_id = %s"


def _play(ground: Ground) -> None:
    killed: list[int] = []

    def kill_caller(port: int) -> None:
        pid = ground.caller(port)
        if pid is not None:
            killed.append(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    ground.recorder.poison = kill_caller
    when = format_utc(datetime.now(UTC) + timedelta(seconds=2))
    url = ground.recorder.url(f"{receiver.POISON}/1")
    answer = ground.instance.ask("POST", "/1/jobs", {"url": url, "when": when})
    assert answer.status == 201, answer
    give_up = time.monotonic() + _PATIENCE_S
    state = None
    while state is None and time.monotonic() < give_up:
        _revive(ground)
        with ground.connect() as connection:
            state = one(connection, _STATE, answer.body["id"])
        time.sleep(0.5)
    ground.mended(f"{len(killed)} processes killed")
    if state != "dead":
        ground.broken(f"the poison is {state} after {_PATIENCE_S:g} s, not dead")
    if len({each.run for each in ground.recorder.poisoned}) > 1:
        ground.broken("the poison was called under several ids")


def _revive(ground: Ground) -> None:
    """Start again what was killed of what nobody else keeps."""
    for each in ground.beside:
        if each.process.poll() is not None:
            each.start()


POISON = Situation("poison", "a call that kills whichever process makes it", _play, may_repeat=True)
