"""Direct: reads plain bookings in JSON, in XML and by path, and renders their responses.

As `create_job` and `create_job_by_path` do.
"""

from __future__ import annotations

import re
from typing import Final

from app.api import negotiation
from app.api.direct_bookings import DirectBooking, DirectRequest, is_quick
from app.api.native.codecs.reader import Body
from app.api.native.documents import job as job_document
from app.api.native.documents import request_path
from app.api.native.routes import responses
from app.api.wsgi_bridge import Message
from app.domain.job import MAX_DATA, Booking
from app.domain.one_time import At
from app.service import jobs as service

SIGNATURE: Final = "HTTP_X_CONTENT_SIGNATURE"
FIELDS: Final = frozenset({SIGNATURE})
"""What the environment of a booking by path may have beside what every one may have."""

MAX_XML: Final = 4 * 1024
MAX_TAGS: Final = 96
"""Bytes, and angle brackets, of an XML document that is read on the event loop."""

MAX_PATH: Final = 2 * 1024

_JOBS: Final = "/1/jobs"
# A year, which no id of a job begins with. An expression may take long to be judged.
_BY_PATH: Final = re.compile(r"/1/jobs/[0-9]{4}-[^/?]*/[^?]+")
_CHARSETS: Final = ("", "; charset=utf-8", "; charset=UTF-8", ";charset=utf-8", ";charset=UTF-8")
_JSON: Final = frozenset(f"{negotiation.JSON}{charset}" for charset in _CHARSETS)
_XML: Final = {
    f"{media_type}{charset}": charset.partition("=")[2] or None
    for media_type in (negotiation.XML_TEXT, negotiation.XML_APPLICATION)
    for charset in _CHARSETS
}
"""The charset, by what Content-Type may be."""

_CONTENT_TYPES: Final = {
    media_type: (b"Content-Type", value.encode())
    for media_type, value in responses.CONTENT_TYPES.items()
}

_TOKEN: Final = "HTTP_DAPR_API_TOKEN"  # noqa: S105 - a header's name


def covers(environ: Message) -> bool:
    """Whether a POST may be a plain booking by a document."""
    if environ["REQUEST_URI"] != _JOBS or SIGNATURE in environ:
        return False
    media_type = environ.get("CONTENT_TYPE")
    return media_type in _JSON or media_type in _XML


def covers_path(environ: Message) -> bool:
    """Whether a POST may be a plain booking by path."""
    target: str = environ["REQUEST_URI"]
    return len(target) <= MAX_PATH and _BY_PATH.fullmatch(target) is not None


def read(request: DirectRequest) -> DirectBooking | None:
    """Read the booking of a job that is due once; None for one that its route is to answer.

    To find a time of a cron expression, or of another zone, may take long. Raises NotAcceptable,
    and as `job_document.read` and `service.want` do.
    """
    media_type = request.environ["CONTENT_TYPE"]
    if media_type in _XML:
        body = Body(request.body, negotiation.XML_TEXT, _XML[media_type])
        if len(request.body) > MAX_XML or request.body.count(b"<") > MAX_TAGS:
            return None
    else:
        body = Body(request.body, negotiation.JSON)
    if not is_quick(request.body):
        return None
    document = job_document.read(body)
    if document.cron is not None or document.timezone is not None:
        return None
    return _book(request, job_document.to_booking(document))


def read_path(request: DirectRequest) -> DirectBooking | None:
    """As `read`, of a booking by path, whose body is its payload.

    Raises NotAcceptable, and as `request_path.read_booking` and `service.want` do.
    """
    environ = request.environ
    if len(request.body) > MAX_DATA:
        return None
    decoded = environ["PATH_INFO"].encode("latin-1")
    booked = request_path.read_booking(environ["REQUEST_URI"], decoded)
    if not isinstance(booked.trigger, At):
        return None
    booking = Booking(
        url=booked.url,
        trigger=booked.trigger,
        signature=environ.get(SIGNATURE) or None,
        content_type=environ.get("CONTENT_TYPE") or None,
        data=request.body,
    )
    return _book(request, booking)


def _book(request: DirectRequest, booking: Booking) -> DirectBooking | None:
    if _TOKEN in request.environ:
        # A key in this header is not one for the native API.
        return None
    media_type = negotiation.choose(request.environ.get("HTTP_ACCEPT"), negotiation.WITH_TEXT)
    wanted = service.want(request.context, request.caller, booking)
    job = service.new_job(wanted.id, request.caller.account, booking, wanted.first)
    body = responses.write_job(job, media_type)
    prefix = request.context.settings.path_prefix
    return DirectBooking(
        wanted=wanted,
        status=responses.CREATED,
        fields=(
            _CONTENT_TYPES[media_type],
            (b"Content-Length", b"%d" % len(body)),
            (b"Location", f"{prefix}{responses.job_location(job.id)}".encode("latin-1")),
        ),
        body=body,
        size=len(request.body),
    )
