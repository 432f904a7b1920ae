"""The XML schema of the native documents, which the documents themselves point to."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flask import Blueprint, Response

from app.api import caching
from app.api.native import documents
from app.api.parameters import takes
from app.api.scopes import needs_no_key

schemas: Final = Blueprint("schemas", __name__)

_SCHEMA: Final = (Path(documents.__file__).parent / "job.xsd").read_bytes()


@schemas.get("/schemas/job.xsd")
@needs_no_key
@takes(ignoring=True)
def schema() -> Response:
    """The XML documents' schema."""
    return caching.public(Response(_SCHEMA, content_type="application/xml; charset=utf-8"))
