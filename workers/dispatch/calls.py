"""Calls: the signed request of a leased run, and the engine that sends it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from app.delivery import job_event
from app.delivery.addressing import JSON, payload
from app.delivery.grpc import CONTENT_TYPE, as_grpc
from app.delivery.request import Call, Delivery, build
from app.domain.completion import Tokens
from app.domain.endpoint import AppProtocol
from app.domain.job import Dialect
from app.domain.run import Reply
from workers.dispatch.leased_run import LeasedRun

WITHDRAWN: Final = "withdrawn"
"""The engine's error for a call that `may_begin` or `may_go_on` stopped."""

ABORTED: Final = "aborted"
"""The engine's error for a call that it broke off when it was closed."""

_UNSIGNED: Final = (
    "waiting: no signing secret of the account can be opened with the keys of this service "
    "(WAKECALL_SECRET_KEY); no attempt was made"
)
_UNAUTHENTICATED: Final = (
    "waiting: the token of the app or runner cannot be opened with the keys of this service "
    "(WAKECALL_SECRET_KEY): PUT it again, or configure the key; no attempt was made"
)


class Sender(Protocol):
    """What the dispatcher needs of the engine (app/delivery/engine.py)."""

    def post(
        self,
        call: Call,
        done: Callable[[Reply], None],
        *,
        may_begin: Callable[[], bool],
        may_go_on: Callable[[], bool],
    ) -> None:
        """Send the call; `done` is called once, in the loop's thread.

        The engine calls `may_begin` again where it had to resolve the name first, and `may_go_on`
        before it tries a further address. If either returns False, the reply's error is
        `withdrawn`, and nothing was sent.
        """

    def prepare(self, url: str) -> None:
        """Resolve the host of `url` and check its addresses ahead of time."""


def missing_key(leased: LeasedRun) -> str | None:
    """Why the call cannot be signed, or cannot carry its token, as a key is missing; else None.

    The receiver is not to blame for that, so that it counts as no attempt.
    """
    if not leased.secrets:
        return _UNSIGNED
    return _UNAUTHENTICATED if leased.app_token == "" else None


def call_of(leased: LeasedRun, now: float, tokens: Tokens) -> Call | Reply:
    """The signed call that begins at `now`; a Reply where the attempt fails without a call."""
    wall = leased.wall(now)
    if leased.run.dialect == Dialect.DAPR:
        return _call_of_app(leased, wall, tokens)
    # An event cannot be completed later: it carries no token, and a 202 ends it with success.
    token = None if leased.is_event else tokens.make(leased.call_id)
    return build(_delivery(leased, wall, token), leased.secrets, int(wall.timestamp()))


def _call_of_app(leased: LeasedRun, wall: datetime, tokens: Tokens) -> Call | Reply:
    """The call of a Dapr app, in the protocol of the app."""
    run = leased.run
    is_grpc = run.protocol == AppProtocol.GRPC
    data, error = leased.body, leased.payload_error
    if not run.size:
        data, error = convert_payload(leased, run.data)
    if error is not None:
        return Reply(error="invalid-request", error_detail=error, connected=False)
    # Only an answer of HTTP can ask for time to report the outcome (202).
    token = None if is_grpc else tokens.make(leased.call_id)
    delivery = _delivery(leased, wall, token)
    if is_grpc:
        message = job_event.message(run.url or "", data, run.type_url)
        delivery = delivery._replace(content_type=CONTENT_TYPE, data=message)
    else:
        delivery = delivery._replace(data=data)
    call = build(delivery, leased.secrets, int(wall.timestamp()))
    return as_grpc(call) if is_grpc else call


def convert_payload(leased: LeasedRun, data: bytes | None) -> tuple[bytes | None, str | None]:
    """The payload as the app of the run gets it, or why it cannot be sent."""
    run = leased.run
    try:
        return job_event.convert(data, run.type_url, run.protocol), None
    except job_event.UnsendablePayload as error:
        return data, str(error)


def _delivery(leased: LeasedRun, wall: datetime, completion_token: str | None) -> Delivery:
    """The attempt that begins at `wall`, by the database's clock. The run must have an address."""
    run = leased.run
    content_type, data = run.content_type, leased.body if run.size else run.data
    if run.endpoint:
        content_type = JSON
        data = payload(data, dialect=run.dialect, run_id=run.id)
    return Delivery(
        run_id=leased.call_id,
        job_id=run.job_id,
        url=leased.address or "",
        content_type=content_type,
        signature=run.signature,
        data=data,
        due_at=run.due_at,
        attempt=run.attempts + 1,
        lateness=wall - run.due_at,
        missed=run.missed,
        call_options=run.call_options,
        completion_token=completion_token,
        is_event=leased.is_event,
        app_token=leased.app_token,
        depth=run.depth,
    )
