"""Path prefix: adapts URLs in responses if a proxy serves Wakecall below a path prefix."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, current_app

from app.config import Settings

_PREFIX: Final = "WAKECALL_PATH_PREFIX"
_LOCATION: Final = "Location"
_LINK: Final = "Link"


def install(app: Flask, settings: Settings) -> None:
    """Add the prefix, if one is set, to Location and Link of every response."""
    app.config[_PREFIX] = settings.path_prefix
    if settings.path_prefix:
        app.after_request(_add_to_headers)


def add(path: str) -> str:
    """Return the path with the prefix, as the client sees it.

    Routes and stored responses contain paths without the prefix, so it is always added, also to a
    path that begins like the prefix.
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
