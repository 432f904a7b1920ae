"""References: what answers and documents point to, the problem types and the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flask import Blueprint, Response

from app.api import caching
from app.api.parameters import takes
from app.api.problems import BY_CODE
from app.api.scopes import needs_no_key
from app.errors import NotFound

references: Final = Blueprint("references", __name__)

_SCHEMA: Final = (Path(__file__).parent / "native" / "documents" / "job.xsd").read_bytes()


@references.get("/problems/<code>")
@needs_no_key
@takes(ignoring=True)
def problem(code: str) -> Response:
    """What a problem type means, in two lines of text."""
    found = BY_CODE.get(code)
    if found is None:
        raise NotFound(
            "There is no such problem type.", remedy=f"The types are: {', '.join(sorted(BY_CODE))}."
        )
    error, kind = found
    meaning = (error.__doc__ or "").partition("\n")[0]
    text = f"{kind.status} {kind.title}\n{meaning}\n"
    return caching.public(Response(text, content_type="text/plain; charset=utf-8"))


@references.get("/schemas/job.xsd")
@needs_no_key
@takes(ignoring=True)
def schema() -> Response:
    """The XML documents' schema."""
    return caching.public(Response(_SCHEMA, content_type="application/xml; charset=utf-8"))
