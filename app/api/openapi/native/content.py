"""Content: one value in the media types of the native API, its XML written as the service does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from app.api import negotiation
from app.api.native.codecs import generic_codec
from app.api.native.documents import bulk
from app.api.native.documents import job as job_document
from app.api.native.documents.job_list import LAYOUTS
from app.api.openapi.operations import Content, Example
from app.api.openapi.schemas import Schema, ref

ToXml = Callable[[Any], bytes]

_XML: Final = (negotiation.XML_TEXT, negotiation.XML_APPLICATION)


def documents(schema: str | Schema, to_xml: ToXml, **examples: Any) -> dict[str, Content]:  # noqa: ANN401 - a JSON value
    """JSON and XML of this schema; the examples by their names, as JSON values."""
    used = ref(schema) if isinstance(schema, str) else schema
    named = {name: Example(value=value) for name, value in examples.items()}
    content = {negotiation.JSON: Content(schema=used, examples=named)}
    written = {name: Example(value=to_xml(value).decode()) for name, value in examples.items()}
    return content | {each: Content(schema=used, examples=written) for each in _XML}


def text(pattern: str, example: str, about: str = "") -> dict[str, Content]:
    """A text that matches the pattern."""
    schema: Schema = {"type": "string", "pattern": pattern}
    if about:
        schema["description"] = about
    return {negotiation.TEXT: Content(schema=schema, examples={"text": Example(value=example)})}


def under(root: str) -> ToXml:
    """The writer of any document but that of a job, with this root element."""
    return lambda value: generic_codec.to_xml(root, value)


def job_to_xml(value: Mapping[str, Any]) -> bytes:
    """A job document in XML."""
    return generic_codec.laid_out(job_document.to_element(job_document.of_members(value)))


def jobs_to_xml(value: list[Mapping[str, Any]]) -> bytes:
    """Several job documents in XML."""
    frame = generic_codec.frame(bulk.ROOT, negotiation.XML_TEXT)
    jobs = [bulk.to_element(job_document.of_members(each), negotiation.XML_TEXT) for each in value]
    return frame.opening + frame.separator.join(jobs) + frame.closing


def ids_to_xml(value: list[str]) -> bytes:
    """The ids of jobs in XML."""
    return b"".join(LAYOUTS[negotiation.XML_TEXT].pieces(map(UUID, value)))
