"""References: what each problem type means, to which the `type` of every problem points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flask import Blueprint, Flask, Response, current_app, request

from app.api import caching
from app.api.parameters import takes
from app.api.problems import BY_CODE
from app.api.scopes import needs_no_key
from app.errors import NotFound

references: Final = Blueprint("references", __name__)
_PAGES: Final = "wakecall.problem_pages"


def add_pages(app: Flask, path_of: Callable[[str], str]) -> None:
    """Lead browsers, and programs that ask for Markdown, to the page of a problem type.

    `path_of` returns the path of the page of a code.
    """
    app.extensions[_PAGES] = path_of


@references.get("/problems/<code>")
@needs_no_key
@takes(ignoring=True)
def problem(code: str) -> Response:
    """Describe a problem type in two lines of text, or lead to its page."""
    found = BY_CODE.get(code)
    if found is None:
        raise NotFound(
            "There is no such problem type.", remedy=f"The types are: {', '.join(sorted(BY_CODE))}."
        )
    path_of: Callable[[str], str] | None = current_app.extensions.get(_PAGES)
    accepted = request.headers.get("Accept", "").lower()
    if path_of is not None and "text/html" in accepted:
        return _lead_to(path_of(code))
    if path_of is not None and "text/markdown" in accepted:
        return _lead_to(f"{path_of(code)}.md")
    error, kind = found
    meaning = (error.__doc__ or "").partition("\n")[0]
    text = f"{kind.status} {kind.title}\n{meaning}\n"
    return caching.public(Response(text, content_type="text/plain; charset=utf-8"))


def _lead_to(path: str) -> Response:
    response = Response(status=302, headers={"Location": path})
    response.headers.pop("Content-Type")
    return caching.public(response)
