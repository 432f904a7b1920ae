"""Direct: reads a plain booking in JSON, and renders its response, as `create_job` does."""

from __future__ import annotations

from typing import Final

from app.api import negotiation
from app.api.direct_bookings import DirectBooking, DirectRequest, is_quick
from app.api.native.codecs.reader import Body
from app.api.native.documents import job as job_document
from app.api.native.routes import responses
from app.api.wsgi_bridge import Message
from app.service import jobs as service

_PATH: Final = "/1/jobs"
_TYPES: Final = frozenset({negotiation.JSON, f"{negotiation.JSON}; charset=utf-8"})
_TOKEN: Final = "HTTP_DAPR_API_TOKEN"  # noqa: S105 - a header's name


def covers(environ: Message) -> bool:
    """Whether a POST may be a plain booking."""
    return environ["REQUEST_URI"] == _PATH and environ.get("CONTENT_TYPE") in _TYPES


def read(request: DirectRequest) -> DirectBooking | None:
    """Read the booking of a job that is due once; None for one that its route is to answer.

    To find a time of a cron expression, or of another zone, may take long. Raises NotAcceptable,
    and as `job_document.read` and `service.want` do.
    """
    environ = request.environ
    if _TOKEN in environ:
        # A key in this header is not one for the native API.
        return None
    if not is_quick(request.body):
        return None
    media_type = negotiation.choose(environ.get("HTTP_ACCEPT"), negotiation.WITH_TEXT)
    document = job_document.read(Body(request.body, negotiation.JSON))
    if document.cron is not None or document.timezone is not None:
        return None
    booking = job_document.to_booking(document)
    wanted = service.want(request.context, request.caller, booking)
    job = service.new_job(wanted.id, request.caller.account, booking, wanted.first)
    body = responses.write_job(job, media_type)
    prefix = request.context.settings.path_prefix
    return DirectBooking(
        wanted=wanted,
        status=responses.CREATED,
        headers={
            "Content-Type": responses.CONTENT_TYPES[media_type],
            "Content-Length": f"{len(body)}",
            "Location": prefix + responses.job_location(job.id),
        },
        body=body,
        size=len(request.body),
    )
