"""Errors: answers a browser's failed requests below `/docs` with a page that has the search."""

from __future__ import annotations

from flask import Flask, Response, render_template, request

from app import errors
from app.api import problems
from app.api.logged_path import logged_path
from app.console import rendering
from app.docs_site import pages, responses
from app.docs_site.search import MAX_QUERY
from app.log import logger

_SUGGESTED = 5


def install(app: Flask) -> None:
    """Render errors of the site as pages, for clients that ask for HTML."""
    problems.register_error_renderer(app, problems.ErrorRenderer(covers=_is_page, render=_render))


def _is_page() -> bool:
    path = request.path
    is_here = path == responses.PREFIX or path.startswith(f"{responses.PREFIX}/")
    return is_here and rendering.wants_page()


def _render(error: errors.WakecallError) -> Response:
    """Return the page of an error. A defect in that page must not hide the error."""
    try:
        response = _page(error)
    except Exception as defect:  # noqa: BLE001 - whatever is wrong with the page
        logger.error("docs.error_page_failed", path=logged_path(), exc_info=defect)
        response = Response(error.message, problems.kind_of(error).status, mimetype="text/plain")
    for name, value in {**rendering.HEADERS, **problems.headers_of(error)}.items():
        response.headers[name] = value
    return response


def _page(error: errors.WakecallError) -> Response:
    words = request.path.rpartition("/")[2].replace("-", " ")
    is_missing = isinstance(error, errors.NotFound)
    found = pages.find(words[:MAX_QUERY])[:_SUGGESTED] if is_missing else []
    html = render_template(
        "docs_site/error.html",
        **pages.frame(""),
        theme=responses.theme_of(request.environ),
        title=problems.kind_of(error).title,
        detail=error.message,
        found=found,
    )
    return Response(html, problems.kind_of(error).status, content_type=responses.HTML)
