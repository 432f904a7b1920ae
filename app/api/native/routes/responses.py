"""Responses: results rendered in the format that the request accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar
from uuid import UUID

from flask import Response, request

from app.api import negotiation, pages
from app.api.native.codecs import generic_codec, text_codec
from app.api.native.documents import bulk as bulk_document
from app.api.native.documents import job as job_document
from app.domain import zones
from app.domain.job import Job
from app.domain.job_filter import ListedJob
from app.domain.native.trigger import Cron

CREATED: Final = 201
TZDATA: Final = "Wakecall-Tzdata"

_Item = TypeVar("_Item")

CONTENT_TYPES: Final = {
    negotiation.TEXT: "text/plain; charset=utf-8",
    negotiation.JSON: "application/json",
    negotiation.XML_TEXT: "text/xml; charset=utf-8",
    negotiation.XML_APPLICATION: "application/xml; charset=utf-8",
}


def negotiate(offers: tuple[str, ...]) -> str:
    """The offered media type that the request accepts best; raises NotAcceptable."""
    return negotiation.choose(request.headers.get("Accept"), offers)


def render_job(job: Job, media_type: str, status: int = 200) -> Response:
    """A whole job, or its bare id where text was chosen."""
    body = write_job(job, media_type)
    return _name_tzdata(Response(body, status, content_type=CONTENT_TYPES[media_type]), job)


def render_created_job(job: Job, media_type: str) -> Response:
    """A new job, with its Location."""
    response = render_job(job, media_type, CREATED)
    response.headers["Location"] = job_location(job.id)
    return response


def write_job(job: Job, media_type: str) -> bytes:
    """A whole job, or its bare id where text was chosen."""
    if media_type == negotiation.TEXT:
        return text_codec.write(job.id)
    return job_document.write(job_document.from_job(job), media_type)


def render_unstored_job(job: Job, media_type: str) -> Response:
    """A job that was only checked: it has no id, so its text is empty."""
    body = b""
    if media_type != negotiation.TEXT:
        body = job_document.write(job_document.from_job(job)._replace(id=None), media_type)
    return _name_tzdata(Response(body, content_type=CONTENT_TYPES[media_type]), job)


def render_created_jobs(jobs: Sequence[Job], media_type: str) -> Response:
    """New jobs, in the order in which they were sent."""
    body = bulk_document.write(jobs, media_type)
    return _name_tzdata(Response(body, 201, content_type=CONTENT_TYPES[media_type]), *jobs)


def render_unstored_jobs(jobs: Sequence[Job], media_type: str) -> Response:
    """Jobs that were only checked, in the order in which they were sent."""
    body = bulk_document.write(jobs, media_type, stored=False)
    return _name_tzdata(Response(body, content_type=CONTENT_TYPES[media_type]), *jobs)


def job_location(job_id: UUID) -> str:
    """The Location of a job: relative, since only the client knows the name of this host."""
    return f"/1/jobs/{job_id}"


def render(root: str, value: generic_codec.Value, media_type: str, status: int = 200) -> Response:
    """The members of any other resource; `root` is the root element in XML."""
    write = generic_codec.to_json if media_type == negotiation.JSON else generic_codec.to_xml
    return Response(write(root, value), status, content_type=CONTENT_TYPES[media_type])


def render_page(
    name: str,
    items: Iterable[_Item],
    render_item: Callable[[_Item], generic_codec.Value],
    cursor_after: Callable[[_Item], str],
    *,
    limit: int,
    media_type: str,
    resume_at: str | None = None,
) -> Response:
    """A page of the list `name`, bounded in bytes, with a Link to the next page if there is one.

    `items` has one more than `limit` where there is a next page. If all items fit, the next page
    begins at the cursor `resume_at`.
    """
    page = pages.write(
        items,
        lambda item: generic_codec.element(name, render_item(item), media_type),
        generic_codec.frame(name, media_type),
        limit=limit,
    )
    return _link(page, cursor_after, media_type, resume_at)


def render_jobs(
    jobs: Iterable[ListedJob],
    cursor_after: Callable[[ListedJob], str],
    *,
    limit: int,
    media_type: str,
    resume_at: str | None,
) -> Response:
    """A page of whole jobs, as `render_page` renders other lists."""
    zoned = False

    def write(listed: ListedJob) -> bytes:
        nonlocal zoned
        zoned = zoned or _depends_on_zones(listed.job)
        document = job_document.from_job(listed.job, data_omitted=listed.omitted_bytes)
        return bulk_document.to_element(document, media_type)

    frame = generic_codec.frame(bulk_document.ROOT, media_type)
    page = pages.write(jobs, write, frame, limit=limit)
    response = _link(page, cursor_after, media_type, resume_at)
    if zoned:
        response.headers[TZDATA] = zones.VERSION
    return response


def _link(
    page: pages.Page[_Item],
    cursor_after: Callable[[_Item], str],
    media_type: str,
    resume_at: str | None,
) -> Response:
    """The response with a page, and with a Link to the next one if there is one."""
    response = Response(page.body, content_type=CONTENT_TYPES[media_type])
    following = resume_at
    if page.last is not None and not page.complete:
        following = cursor_after(page.last)
    if following is not None:
        response.headers["Link"] = pages.next_page(following)
    return response


def forbid_caching(response: Response) -> Response:
    """No cache may keep a secret; the copy that is kept for an idempotent repeat is encrypted."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _name_tzdata(response: Response, *jobs: Job) -> Response:
    """Name the release of the time zones if a job depends on it."""
    if any(map(_depends_on_zones, jobs)):
        response.headers[TZDATA] = zones.VERSION
    return response


def _depends_on_zones(job: Job) -> bool:
    trigger = job.booking.trigger
    return isinstance(trigger, Cron) and trigger.local is not None
