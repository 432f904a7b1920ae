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
from tests.soak.deployment import Deployment
from tests.soak.situation import Situation

_PATIENCE_S = 240.0
_STATE = "SELECT state FROM run WHERE job_id = %s"


def _play(deployment: Deployment) -> None:
    killed: list[int] = []

    def kill_caller(port: int) -> None:
        pid = deployment.caller(port)
        if pid is not None:
            killed.append(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    deployment.recorder.poison = kill_caller
    when = format_utc(datetime.now(UTC) + timedelta(seconds=2))
    url = deployment.recorder.url(f"{receiver.POISON}/1")
    answer = deployment.instance.ask("POST", "/1/jobs", {"url": url, "when": when})
    assert answer.status == 201, answer
    give_up = time.monotonic() + _PATIENCE_S
    state = None
    while state is None and time.monotonic() < give_up:
        _revive(deployment)
        with deployment.connect() as connection:
            state = one(connection, _STATE, answer.body["id"])
        time.sleep(0.5)
    deployment.mended(f"{len(killed)} processes killed")
    if state != "dead":
        deployment.broken(f"the poison is {state} after {_PATIENCE_S:g} s, not dead")
    if len({each.run for each in deployment.recorder.poisoned}) > 1:
        deployment.broken("the poison was called under several ids")


def _revive(deployment: Deployment) -> None:
    """Start again what was killed of what nobody else keeps."""
    for each in deployment.beside:
        if each.process.poll() is not None:
            each.start()


POISON = Situation("poison", "a call that kills whichever process makes it", _play, may_repeat=True)
