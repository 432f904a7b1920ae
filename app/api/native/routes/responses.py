"""Answers: what the native API sends back, in the format negotiated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, TypeVar
from uuid import UUID

from flask import Response, request

from app.api import negotiation, pages
from app.api.native.codecs import generic_codec, json_codec, text_codec, xml_codec
from app.api.native.documents import bulk as bulk_document
from app.api.native.documents import job as job_document
from app.api.native.documents.job import JobDocument
from app.domain import zones
from app.domain.job import Job
from app.domain.native.trigger import Cron

TZDATA: Final = "Wakecall-Tzdata"

_Item = TypeVar("_Item")

CONTENT_TYPES: Final = {
    negotiation.TEXT: "text/plain; charset=utf-8",
    negotiation.JSON: "application/json",
    negotiation.XML_TEXT: "text/xml; charset=utf-8",
    negotiation.XML_APPLICATION: "application/xml; charset=utf-8",
}


def offer(offers: tuple[str, ...]) -> str:
    """The offered media type that the request accepts best; raises NotAcceptable."""
    return negotiation.choose(request.headers.get("Accept"), offers)


def job(found: Job, media_type: str, status: int = 200) -> Response:
    """A whole job, or its bare id where text was chosen."""
    if media_type == negotiation.TEXT:
        body = text_codec.write(found.id)
    else:
        body = _written(job_document.of_job(found), media_type)
    return _timed(Response(body, status, content_type=CONTENT_TYPES[media_type]), found)


def checked(found: Job, media_type: str) -> Response:
    """A job that was not stored: as it would be, but without an id, which is all that text has."""
    body = b""
    if media_type != negotiation.TEXT:
        body = _written(replace(job_document.of_job(found), id=None), media_type)
    return _timed(Response(body, content_type=CONTENT_TYPES[media_type]), found)


def created(found: Job, media_type: str) -> Response:
    """A new job, and where it is."""
    answer = job(found, media_type, 201)
    answer.headers["Location"] = location(found.id)
    return answer


def created_together(found: Sequence[Job], media_type: str) -> Response:
    """New jobs, in the order they were sent in."""
    written = bulk_document.write(found, media_type)
    return _timed(Response(written, 201, content_type=CONTENT_TYPES[media_type]), *found)


def checked_together(found: Sequence[Job], media_type: str) -> Response:
    """Jobs that were not stored, in the order they were sent in."""
    written = bulk_document.write(found, media_type, stored=False)
    return _timed(Response(written, content_type=CONTENT_TYPES[media_type]), *found)


def location(job_id: UUID) -> str:
    """Where a job is; relative, since only the client knows by which name it came here."""
    return f"/1/jobs/{job_id}"


def _written(shown: JobDocument, media_type: str) -> bytes:
    if media_type == negotiation.JSON:
        return json_codec.write(shown)
    return xml_codec.write(shown)


def _timed(answer: Response, *found: Job) -> Response:
    """Tells by which release of the zones the firings of jobs in a zone are told."""
    triggers = (each.trigger for each in found)
    if any(isinstance(trigger, Cron) and trigger.local is not None for trigger in triggers):
        answer.headers[TZDATA] = zones.VERSION
    return answer


def listed(name: str, value: generic_codec.Value, media_type: str, status: int = 200) -> Response:
    """A value of the extensions; `name` is its root element in XML."""
    write = generic_codec.to_json if media_type == negotiation.JSON else generic_codec.to_xml
    return Response(write(name, value), status, content_type=CONTENT_TYPES[media_type])


def page(
    name: str,
    items: Iterable[_Item],
    shown: Callable[[_Item], generic_codec.Value],
    cursor: Callable[[_Item], str],
    *,
    limit: int,
    media_type: str,
) -> Response:
    """A page of the list `name`, bounded in bytes, and a Link to what follows, if anything does.

    `items` has one more than `limit` where more follow; `cursor` leads on after one of them.
    """
    written = pages.write(
        items,
        lambda item: generic_codec.element(name, shown(item), media_type),
        generic_codec.frame(name, media_type),
        limit=limit,
    )
    answer = Response(written.body, content_type=CONTENT_TYPES[media_type])
    if written.last is not None and not written.complete:
        answer.headers["Link"] = pages.next_page(cursor(written.last))
    return answer
