"""Endpoint tests: one call of a Dapr app or a Fusion runner, made as its jobs are called."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from uuid6 import uuid7

from app.domain.account import Caller
from app.domain.call_options import CallOptions
from app.domain.instants import format_utc
from app.domain.job import Booking, Dialect
from app.domain.one_time import At
from app.domain.retry_policy import Constant, RetryPolicy
from app.errors import Conflict
from app.service import endpoints, jobs
from app.service.context import Context
from app.service.dapr import apps
from app.service.fusion import runners
from app.service.usage import within_limits
from app.store import jobs as store
from app.store.job_names import NameTaken

NAME: Final = "wakecall-test"
"""The name of the job with which an app is called: no two tests of an app are under way at once."""

TAG: Final = "test-call"
_TYPE: Final = "application/json"
_APP_DATA: Final = b'{"test": true}'
_SOON: Final = timedelta(seconds=1)
_TIMEOUT_S: Final = 15.0


@within_limits
def call_app(context: Context, caller: Caller, app_id: str) -> UUID:
    """Book one call of an app, due in a second and attempted once; return the id of its job.

    It carries the token of the app and is made over its protocol. Raises NotFound, InvalidMember if
    the settings deny the app's URL, and Conflict while another test of the app is under way.
    """
    app = apps.get(context, caller.account, app_id)
    endpoints.judge(context, app.url)
    due = caller.now + _SOON
    booking = Booking(
        url=f"/job/{NAME}",
        trigger=At(instant=due),
        content_type=_TYPE,
        data=_APP_DATA,
        name=NAME,
        tags=(TAG,),
        call_options=CallOptions(timeout=_TIMEOUT_S, retry=Constant(interval=0, max_retries=0)),
        dialect=Dialect.DAPR,
        endpoint=app.name,
        written={"dueTime": format_utc(due), "failurePolicy": {"drop": {}}},
    )
    job_id = UUID(int=uuid7().int)
    try:
        with context.database.session() as connection:
            store.insert_unfollowing(connection, job_id, caller.account.id, booking, due)
    except NameTaken:
        raise Conflict(
            f"A test of the app {app.name} is under way.",
            member="id",
            remedy=f"Wait until its call has ended, {_TIMEOUT_S:.0f} s at most.",
        ) from None
    return job_id


def call_runner(context: Context, caller: Caller, kind: str) -> UUID:
    """Book one call of a runner, as `call_app`; its action is `test`, so that it starts nothing."""
    runner = runners.get(context, caller.account, kind)
    booking = Booking(
        url=runner.url,
        trigger=At(instant=caller.now + _SOON),
        content_type=_TYPE,
        data=f'{{"resource": "{kind}:{NAME}", "action": "test"}}'.encode(),
        tags=(TAG,),
        call_options=CallOptions(timeout=_TIMEOUT_S, retry=RetryPolicy(max_attempts=1)),
    )
    return jobs.create(context, caller, booking).id
