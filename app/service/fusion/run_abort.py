"""Run abort: ends the run of a Fusion job at once, and notifies its runner."""

from __future__ import annotations

from typing import Final

import orjson
from sqlalchemy import Connection

from app.domain.job import Dialect, Job
from app.store import endpoints, fusion_aborts, serial
from app.store.database import driver_of

_ABORT: Final = "abort"


def abort(connection: Connection, job: Job, reason: str) -> bool:
    """End the run under way of a locked job; return False if there is none.

    The jobs that may start when it ends must be locked too. The runner is notified by a separate
    call; the run has ended whether that call succeeds or not.
    """
    run_id = serial.live_run(driver_of(connection), job.id)
    run = None if run_id is None else fusion_aborts.end_run(driver_of(connection), run_id, reason)
    if run is None:
        return False
    if run.was_taken and job.booking.endpoint:
        runner = endpoints.find(connection, run.account_id, Dialect.FUSION, job.booking.endpoint)
        if runner is not None:
            body = {"resource": job.booking.name, "runId": str(run.id), "action": _ABORT}
            fusion_aborts.notify_runner(
                driver_of(connection), run, url=runner.url, body=orjson.dumps(body)
            )
    return True
