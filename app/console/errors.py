"""Errors: answers a browser's failed requests below `/console` with pages instead of problems."""

from __future__ import annotations

from flask import Flask, Response, request

from app import errors
from app.api import problems
from app.api.logged_path import logged_path
from app.console import access, csrf, entered
from app.console.forms import problem_shown
from app.console.rendering import is_console, page, wants_page
from app.log import logger


def install(app: Flask) -> None:
    """Render errors of pages as pages, for clients that ask for HTML."""
    problems.register_error_renderer(app, problems.ErrorRenderer(covers=_is_page, render=_render))


def _is_page() -> bool:
    return is_console(request.path) and wants_page()


def _is_stale_form(error: errors.WakecallError) -> bool:
    """Whether the form was not accepted because of its token, as after a sign-in in another tab."""
    return isinstance(error, errors.CrossSite) and error.member == csrf.FIELD


def _render(error: errors.WakecallError) -> Response:
    """Return the page of an error. A defect in that page must not hide the error."""
    is_path_unknown = isinstance(error, errors.NotFound) and request.url_rule is None
    if is_path_unknown:
        error = errors.NotFound("There is no page at this path.")
    try:
        if isinstance(error, errors.NotFound):
            # No view has looked who is signed in. Refusals of load must not cost a query.
            access.identify()
        response = page(
            "error.html",
            problem=problem_shown(error),
            is_path_unknown=is_path_unknown,
            entered=entered.texts() if _is_stale_form(error) else [],
        )
    except Exception as defect:  # noqa: BLE001 - whatever is wrong with the page
        logger.error("console.error_page_failed", path=logged_path(), exc_info=defect)
        response = Response(error.message, problems.kind_of(error).status, mimetype="text/plain")
    for name, value in problems.headers_of(error).items():
        # A challenge would make the browser ask for a password in a window of its own.
        if name != "WWW-Authenticate":
            response.headers[name] = value
    return response
