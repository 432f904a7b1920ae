"""Job documents read and written by format, for tests of both codecs."""

from __future__ import annotations

from app.api import negotiation
from app.api.native.codecs.reader import Body
from app.api.native.documents import job as job_document
from app.api.native.documents.job import JobDocument

FORMATS = {"json": negotiation.JSON, "xml": negotiation.XML_TEXT}


def read(body: bytes, suffix: str, charset: str | None = None) -> JobDocument:
    return job_document.read(Body(body, FORMATS[suffix], charset))


def read_json(body: bytes) -> JobDocument:
    return read(body, "json")


def read_xml(body: bytes, charset: str | None = None) -> JobDocument:
    return read(body, "xml", charset)


def write(document: JobDocument, suffix: str) -> bytes:
    return job_document.write(document, FORMATS[suffix])
