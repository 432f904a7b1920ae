"""Ending: a run of a Fusion job aborted, at once for whoever asks, and told to its runner."""

from __future__ import annotations

from typing import Final

import orjson
from sqlalchemy import Connection

from app.domain.job import Dialect, Job
from app.store import endpoints, fusion_aborts, serial

_ABORT: Final = "abort"


def abort(connection: Connection, job: Job, reason: str) -> bool:
    """End the run of a locked job that is under way, if there is one; whether there was.

    Those that may start when it ends must be locked too. The runner is told as well as may be: what
    it does, and whether it hears of it, changes nothing here.
    """
    run_id = serial.live_run(connection, job.id)
    run = None if run_id is None else fusion_aborts.end(connection, run_id, reason)
    if run is None:
        return False
    if run.was_taken and job.endpoint:
        place = endpoints.find(connection, run.account_id, Dialect.FUSION, job.endpoint)
        if place is not None:
            told = {"resource": job.name, "runId": str(run.id), "action": _ABORT}
            fusion_aborts.tell(connection, run, url=place.url, body=orjson.dumps(told))
    return True
