"""Bulk document: many jobs in one document, each read and written as a job document is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from json import JSONDecodeError
from typing import Any, Final

from lxml import etree

from app.api import bodies, negotiation, pages
from app.api.native.codecs import generic_codec, json_codec, text_codec, xml_codec, xml_encoding
from app.api.native.codecs.reader import Body
from app.api.native.documents import job as job_document
from app.api.native.documents.job import JOB, JobDocument
from app.domain.checks import quoted
from app.domain.job import Booking, Job
from app.errors import MalformedDocument, Refused, TooLarge

MAX_JOBS: Final = 1000

ROOT: Final = "jobs"

_SPACE: Final = r"[ \t\n\r]*"
_BEGINNING: Final = re.compile(rf"{_SPACE}\[{_SPACE}(\]{_SPACE})?")
_AFTER_ELEMENT: Final = re.compile(rf"{_SPACE}([,\]]){_SPACE}")
_ARRAY: Final = 'Send an array of jobs, as in [{"url": "https://…", "when": "…"}].'
_JOBS: Final = "Send a jobs element, in no namespace, that holds a job element for each job."


Judge = Callable[[Sequence[Booking]], object]
"""Raises Refused for the first of several bookings that is wrong, with its index."""


def _accept_all(_bookings: Sequence[Booking]) -> None:
    """The Judge that refuses nothing."""


def read(body: Body, *, judge: Judge = _accept_all) -> list[Booking]:
    """The bookings in a JSON array or a jobs element, in its order.

    A refusal of one of them gives its index, counted from 0. Where one cannot be read, `judge` is
    asked first about those before it, so that the first wrong job is refused. Raises
    MalformedDocument, InvalidMember and TooLarge.
    """
    remedy = _ARRAY if body.media_type == negotiation.JSON else _JOBS
    if not body.content:
        raise MalformedDocument("The body is empty.", remedy=remedy)
    if body.media_type == negotiation.JSON:
        try:
            found = _bookings(_in_array(json_codec.decode(body.content)), judge)
        except json_codec.NOT_JSON as error:
            only = "Send one JSON array of objects and nothing before or after it."
            raise json_codec.malformed(error, only) from None
    else:
        root = xml_codec.parse(xml_encoding.decode(body.content, body.charset), ROOT)
        found = _bookings(_in_element(root), judge)
    if not found:
        raise MalformedDocument("The document contains no jobs.", remedy=remedy)
    if len(found) > MAX_JOBS:
        raise MalformedDocument(
            f"The document contains more than {MAX_JOBS} jobs.",
            remedy=f"Send at most {MAX_JOBS} jobs in one document.",
        )
    return found


def write(jobs: Sequence[Job], media_type: str, *, stored: bool = True) -> bytes:
    """The jobs in their order: whole ones, or their ids joined by commas where text was chosen.

    Jobs that were not stored have no id, so their text is empty. Raises TooLarge.
    """
    if media_type == negotiation.TEXT:
        return b",".join(text_codec.write(job.id) for job in jobs) if stored else b""
    documents: Iterable[JobDocument] = map(job_document.from_job, jobs)
    if not stored:
        documents = (each._replace(id=None) for each in documents)
    written = pages.write(
        documents,
        lambda job: to_element(job, media_type),
        generic_codec.frame(ROOT, media_type),
        limit=MAX_JOBS,
        max_bytes=pages.MAX_ANSWER_BYTES,
    )
    if not written.complete:
        raise TooLarge(
            f"The response would exceed {pages.MAX_ANSWER_BYTES} bytes, because escaped characters "
            "take up to six times their size. Nothing was stored.",
            remedy="Send fewer jobs in one document, or request only their ids with "
            "`Accept: text/plain`.",
        )
    return written.body


def to_element(job: JobDocument, media_type: str) -> bytes:
    """The job as an element of a list of jobs, to be written within the frame of the list."""
    if media_type == negotiation.JSON:
        return pages.element_to_json(dict(job_document.members(job)))
    root = etree.Element(ROOT)
    root.append(job_document.to_element(job))
    return generic_codec.within(root)


def _bookings(documents: Iterable[JobDocument], judge: Judge) -> list[Booking]:
    """The bookings that the documents ask for, up to one more than MAX_JOBS."""
    found: list[Booking] = []
    try:
        for each in documents:
            found.append(job_document.to_booking(each))
            if len(found) > MAX_JOBS:
                break
    except Refused as error:
        judge(found)
        raise error.at(len(found)) from None
    return found


def _in_array(text: str) -> Iterator[JobDocument]:
    """The jobs in a JSON array; raises MalformedDocument for another value, before the first."""
    beginning = _BEGINNING.match(text)
    if beginning is None:
        value = json_codec.parse(text)
        raise MalformedDocument(
            f"The document is {json_codec.kind(value)}, not an array.", remedy=_ARRAY
        )
    if beginning[1] is None:
        return map(_of_value, _elements(text, beginning.end()))
    _check_end(text, beginning.end())
    return iter(())


def _elements(text: str, at: int) -> Iterator[Any]:
    """The elements of an array one by one, so that a refusal gives the index of its element.

    Raises TooLarge, and JSONDecodeError, which gives the line and column.
    """
    more = True
    while more:
        value, end = json_codec.DECODER.raw_decode(text, at)
        # A character has at most four bytes; most elements need no encoding to be judged.
        if 4 * (end - at) > bodies.MAX_DOCUMENT:
            _check_size(len(text[at:end].encode()))
        yield value
        separator = _AFTER_ELEMENT.match(text, end)
        if separator is None:
            raise JSONDecodeError("Expecting ',' delimiter", text, end)
        at, more = separator.end(), separator[1] == ","
    _check_end(text, at)


def _of_value(value: Any) -> JobDocument:  # noqa: ANN401 - JSON holds anything
    return job_document.of_members(json_codec.read_value(value, JOB))


def _check_end(text: str, at: int) -> None:
    if at != len(text):
        raise JSONDecodeError("Extra data", text, at)


def _in_element(root: etree._Element) -> Iterator[JobDocument]:
    """The jobs in a jobs element; raises MalformedDocument, InvalidMember before the first."""
    if root.tag != "jobs":
        raise MalformedDocument(f"The root element is {quoted(root.tag)}.", remedy=_JOBS)
    return map(_of_element, xml_codec.children(root))


def _of_element(element: etree._Element) -> JobDocument:
    if element.tag != "job":
        raise MalformedDocument(f"The element is {quoted(str(element.tag))}.", remedy=_JOBS)
    _check_size(len(etree.tostring(element, encoding="utf-8", with_tail=False)))
    return job_document.of_members(xml_codec.read_element(element, JOB))


def _check_size(size: int) -> None:
    if size > bodies.MAX_DOCUMENT:
        raise TooLarge(
            f"The job has {size} bytes.",
            remedy=f"Send at most {bodies.MAX_DOCUMENT} bytes for each job.",
        )
