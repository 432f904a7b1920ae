"""Addresses: which paths belong to the Dapr API, and the name of the job in a path."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes

from flask import request

from app.api import auth
from app.api.dapr.failures import malformed, no_route
from app.api.dapr.rpc.requests import GRPC
from app.api.wsgi_bridge import MAX_TARGET

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_OURS: Final = re.compile(r"/+v1\.0(?:-[0-9a-z]+)?(?:/|$)")
TOKEN: Final = "dapr-api-token"  # noqa: S105 - a header's name
"""The header in which Dapr's clients send a token, here an API key."""
_ENVIRON_TOKEN: Final = "HTTP_DAPR_API_TOKEN"  # noqa: S105 - the same, as WSGI names it
_SLASHES: Final = re.compile(r"/{2,}")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PARTS: Final = 3
_INVOKED: Final = re.compile(
    r"/+v1\.0/+invoke/+(?P<app>[^/]+)/+method(?:/+(?P<path>.*))?", re.DOTALL
)


class Cleaned:
    """A WSGI application whose Dapr routes also match repeated and trailing slashes, as in Dapr."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The answer of the application."""
        if is_dapr_path(environ["PATH_INFO"]):
            path = _clean(_raw(environ))[:MAX_TARGET]
            environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1")
            _use_token(environ)
        elif environ["wsgi.url_scheme"] == GRPC:
            _use_token(environ)
        return self._app(environ, start_response)


def _use_token(environ: WSGIEnvironment) -> None:
    if _ENVIRON_TOKEN in environ:
        environ[auth.TOKEN] = environ[_ENVIRON_TOKEN]


def is_dapr_path(path: str) -> bool:
    """Whether a path belongs to the Dapr API, even if nothing is at it."""
    return _OURS.match(path) is not None


def job_name(environ: WSGIEnvironment) -> str:
    """The name in the path of a request, unescaped as in a query (`+` is a space).

    Raises the errors of `no_route` for a path with more parts, and of `malformed` for bad escapes.
    """
    parts = _clean(_raw(environ)).split("/", _PARTS)
    raw = parts[-1]
    if len(parts) <= _PARTS or "/" in raw:
        raise no_route()
    bad = _BAD_ESCAPE.search(raw)
    if bad is not None:
        raise malformed(f'invalid URL escape "{raw[bad.start() : bad.start() + 3]}"')
    try:
        return unquote_to_bytes(raw.replace("+", " ").encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise malformed("the name in the path is not UTF-8") from None


def invoked() -> tuple[str, str]:
    """The app id in the path of a service invocation, and the path and query below it, encoded.

    Raises the errors of `no_route` and `malformed`.
    """
    found = _INVOKED.fullmatch(_raw(request.environ))
    if found is None:
        raise no_route()
    try:
        app_id = unquote_to_bytes(found["app"].encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise malformed("the app id in the path is not UTF-8") from None
    query = request.environ.get("QUERY_STRING")
    path = found["path"] or ""
    return app_id, f"{path}?{query}" if query else path


def _raw(environ: WSGIEnvironment) -> str:
    """The path of the request's target (RFC 9112, 3.2), still encoded: a slash may be in a name."""
    target: str | None = environ.get("REQUEST_URI")
    if not target:
        return quote(environ["PATH_INFO"], safe="/+", encoding="latin-1")
    path = target.partition("?")[0]
    return path if path.startswith("/") else "/" + path.partition("://")[2].partition("/")[2]


def _clean(path: str) -> str:
    return _SLASHES.sub("/", path).rstrip("/") or "/"
