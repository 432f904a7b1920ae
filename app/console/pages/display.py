"""Display: which theme and which zone the pages have, kept in cookies of the browser."""

from __future__ import annotations

from typing import Final

from flask import Response, redirect, request
from werkzeug import Response as BaseResponse

from app.console import page_context
from app.console.blueprint import PREFIX, console

_YEAR_S: Final = 365 * 86400


@console.post("/display")
def display() -> BaseResponse:
    """Keep the theme or the zone that the form names, and return to the page it was sent from."""
    response = redirect(same_site(request.form.get("next", "")), code=303)
    theme, zone = request.form.get("theme"), request.form.get("zone")
    if theme is not None:
        keep_theme(response, theme)
    if zone is not None:
        _keep(
            response,
            page_context.ZONE_COOKIE,
            zone if zone in {page_context.IN_UTC, page_context.OF_JOB} else None,
        )
    return response


def keep_theme(response: Response | BaseResponse, theme: str) -> None:
    """Store the theme of this browser; an unknown one means that of the system."""
    _keep(response, page_context.THEME_COOKIE, theme if theme in page_context.THEMES else None)


def same_site(path: str) -> str:
    """Return the path if it is one of the console's, or else the console's first page."""
    is_own = path == PREFIX or path.startswith((f"{PREFIX}/", f"{PREFIX}?"))
    return path if is_own and path.isprintable() and "\\" not in path else f"{PREFIX}/"


def _keep(response: Response | BaseResponse, name: str, value: str | None) -> None:
    """Set a cookie that scripts may read, or delete it if `value` is None."""
    if value is None:
        response.delete_cookie(name, path="/", samesite="Lax")
    else:
        response.set_cookie(
            name, value, max_age=_YEAR_S, path="/", samesite="Lax", secure=request.is_secure
        )
