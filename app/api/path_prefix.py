"""Path prefix: references in answers, where a proxy offers the service below a path of its own."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, current_app

from app.config import Settings

_PREFIX: Final = "WAKECALL_PATH_PREFIX"
_LOCATION: Final = "Location"
_LINK: Final = "Link"


def install(app: Flask, settings: Settings) -> None:
    """Have Location and Link of every answer begin with the prefix, if there is one."""
    app.config[_PREFIX] = settings.path_prefix
    if settings.path_prefix:
        app.after_request(_add_to_headers)


def add(path: str) -> str:
    """The path as the client sees it, also of one that begins as the prefix does.

    What a route answers and what is kept of it begin at the root: each is sent with one prefix.
    """
    prefix: str = current_app.config.get(_PREFIX, "")
    return prefix + path


def _add_to_headers(response: Response) -> Response:
    location, link = response.headers.get(_LOCATION), response.headers.get(_LINK)
    if location is not None and location.startswith("/"):
        response.headers[_LOCATION] = add(location)
    if link is not None and link.startswith("</"):
        response.headers[_LINK] = f"<{add(link[1:])}"
    return response
