"""References: the pages of the problem types, to which the `type` of every problem points."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from app.api import caching
from app.api.parameters import takes
from app.api.problems import BY_CODE
from app.api.scopes import needs_no_key
from app.errors import NotFound

references: Final = Blueprint("references", __name__)


@references.get("/problems/<code>")
@needs_no_key
@takes(ignoring=True)
def problem(code: str) -> Response:
    """Describe a problem type in two lines of text."""
    found = BY_CODE.get(code)
    if found is None:
        raise NotFound(
            "There is no such problem type.", remedy=f"The types are: {', '.join(sorted(BY_CODE))}."
        )
    error, kind = found
    meaning = (error.__doc__ or "").partition("\n")[0]
    text = f"{kind.status} {kind.title}\n{meaning}\n"
    return caching.public(Response(text, content_type="text/plain; charset=utf-8"))
