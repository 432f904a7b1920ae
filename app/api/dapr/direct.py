"""Direct: reads a plain booking over HTTP, and renders its response, as `schedule_job` does."""

from __future__ import annotations

import re
from typing import Final

from app.api import browsers
from app.api.dapr import addresses, bookings, documents
from app.api.dapr.documents import JobDocument
from app.api.dapr.rpc.requests import GRPC
from app.api.direct_bookings import DirectBooking, DirectRequest, is_quick
from app.api.wsgi_bridge import Message
from app.domain.dapr.names import trim
from app.domain.dapr.refusal import Refusal
from app.service.dapr import apps
from app.service.dapr import jobs as service
from app.store.booking_batches import WantedJob

MAX_BODY: Final = 2 * 1024
"""To read so many bytes of escaped characters takes the event loop 0.2 ms."""

_PATH: Final = re.compile(r"/v1\.0(?:-alpha1)?/jobs/[^/?]+")
_NO_CONTENT: Final = 204


def covers(environ: Message) -> bool:
    """Whether a POST may be a plain booking."""
    return (
        environ["wsgi.url_scheme"] != GRPC and _PATH.fullmatch(environ["REQUEST_URI"]) is not None
    )


def read(request: DirectRequest) -> DirectBooking | None:
    """Read the booking of a job that is due once; None for one that its route is to answer.

    Raises the errors of `addresses.job_name`, `documents.read` and `service.want`.
    """
    if len(request.body) > MAX_BODY or not is_quick(request.body):
        return None
    document = documents.read(request.body)
    name = trim(addresses.job_name(request.environ))
    if document.name:
        return None
    wanted = want(request, name, document)
    if wanted is None:
        return None
    return DirectBooking(
        wanted=wanted, status=_NO_CONTENT, fields=(), body=b"", size=len(request.body)
    )


def want(request: DirectRequest, name: str, document: JobDocument) -> WantedJob | None:
    """The job that a request asks for; None for one that its route is to answer.

    To find the ticks of a schedule may take long. Raises InsufficientScope.
    """
    app_id, now = _app_id(request), request.context.clock_estimate.now()
    if not (name and app_id and now) or document.schedule is not None or document.due_time is None:
        return None
    try:
        booking, first = bookings.make_booking(app_id, name, document, now)
    except Refusal:
        return None
    return service.want(request.caller, booking, first, now=now)


def _app_id(request: DirectRequest) -> str | None:
    """The app that a request is about; of a sidecar its own, to requests from its machine alone."""
    environ = request.environ
    if request.caller.key_id:
        return apps.named_app(request.caller, environ.get("HTTP_DAPR_APP_ID") or None)
    is_rpc = environ["wsgi.url_scheme"] == GRPC
    if is_rpc or browsers.is_loopback(environ.get("HTTP_HOST", "")):
        return apps.named_app(request.caller, None)
    return None
