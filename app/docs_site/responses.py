"""Responses: keeps each page as it is sent, so that the event loop answers for it without a thread.

What is kept is bounded by the number of pages: nothing that a client sends becomes a key, except
the slug of a page, a format and a theme.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, current_app, request
from werkzeug.http import parse_cookie, parse_etags

from app.api import serving
from app.api.wsgi_bridge import WsgiResponse
from app.console import rendering
from app.console.page_context import THEME_COOKIE, THEMES

PREFIX: Final = "/docs"
LISTS: Final = ("/llms.txt", "/llms-full.txt")
HTML: Final = "text/html; charset=utf-8"
MARKDOWN: Final = "text/markdown; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"

_CACHE: Final = "public, max-age=300"
_VARY: Final = "Accept, Accept-Encoding, Cookie"
_SUFFIX: Final = ".md"
_MAX_ACCEPT: Final = 1024
_MAX_COOKIE: Final = 4096
_TAG_DIGITS: Final = 24
_PAGE_START: Final = b'<html lang="en"'
_EXTENSION: Final = "wakecall.docs_responses"


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """Which response: the path below `/docs`, the format, and the theme of a page."""

    path: str
    is_page: bool
    """Whether it is HTML, which has a theme; else it is Markdown or text."""
    theme: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A response as it is sent."""

    body: bytes
    compressed: bytes
    tag: str
    content_type: str

    def headers(self, *, compressed: bool) -> list[tuple[str, str]]:
        """Return the header fields with which it is sent."""
        encoding = [("Content-Encoding", "gzip")] if compressed else []
        return [
            ("Content-Type", self.content_type),
            ("Cache-Control", _CACHE),
            ("ETag", f'W/"{self.tag}"'),
            ("Vary", _VARY),
            ("X-Content-Type-Options", "nosniff"),
            *rendering.HEADERS.items(),
            *encoding,
        ]


def make(body: bytes, content_type: str) -> Stored:
    """Make a response of this content."""
    return Stored(
        body=body,
        compressed=gzip.compress(body, mtime=0),
        tag=hashlib.sha256(body).hexdigest()[:_TAG_DIGITS],
        content_type=content_type,
    )


class Responses:
    """The responses that were made so far."""

    def __init__(self) -> None:
        self._stored: dict[Key, Stored] = {}

    def __len__(self) -> int:
        return len(self._stored)

    def get(self, key: Key) -> Stored | None:
        """Return the response of this key, if it was made."""
        return self._stored.get(key)

    def put(self, key: Key, content: str, content_type: str) -> Stored:
        """Make and keep the response of this key."""
        body = content.encode()
        if key.theme:
            themed = _PAGE_START + f' data-theme="{key.theme}"'.encode()
            body = body.replace(_PAGE_START, themed, 1)
        made = self._stored[key] = make(body, content_type)
        return made


def install(app: Flask) -> None:
    """Let the event loop answer for pages that are kept."""
    kept = app.extensions[_EXTENSION] = Responses()
    serving.add_quick(app, lambda environ: answer(kept, environ))


def answer(kept: Responses, environ: Mapping[str, Any]) -> WsgiResponse | None:
    """Return the response to a request for a page that is kept; None for any other request."""
    key = key_of(environ)
    found = None if key is None else kept.get(key)
    if found is None or environ["QUERY_STRING"]:
        return None
    is_known = _is_known(found, environ)
    compressed = _takes_gzip(environ)
    body = b"" if is_known else found.compressed if compressed else found.body
    fields = found.headers(compressed=compressed and not is_known)
    if not is_known:
        fields.append(("Content-Length", str(len(body))))
    return WsgiResponse(
        status=HTTPStatus.NOT_MODIFIED if is_known else HTTPStatus.OK,
        headers=[(name.lower().encode(), value.encode()) for name, value in fields],
        start=b"" if environ["REQUEST_METHOD"] == "HEAD" else body,
        rest=None,
    )


def respond(content: Callable[[], str], content_type: str) -> Response:
    """Return the response to this request, and keep it for the event loop to send."""
    kept: Responses = current_app.extensions[_EXTENSION]
    key = key_of(request.environ)
    stored = None if key is None else kept.get(key)
    if stored is None:
        made = content()
        stored = (
            make(made.encode(), content_type) if key is None else kept.put(key, made, content_type)
        )
    response = Response(stored.body)
    for name, value in stored.headers(compressed=False):
        response.headers[name] = value
    response.make_conditional(request)
    return response


def key_of(environ: Mapping[str, Any]) -> Key | None:
    """Return which response a request asks for; None if it cannot be a page."""
    path: str = environ["PATH_INFO"]
    if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
        return None
    if path != PREFIX and path not in LISTS and not path.startswith(f"{PREFIX}/"):
        return None
    if path in LISTS or path.endswith(_SUFFIX) or wants_markdown(environ):
        return Key(path=path, is_page=False)
    return Key(path=path, is_page=True, theme=theme_of(environ))


def wants_markdown(environ: Mapping[str, Any]) -> bool:
    """Whether the client prefers Markdown, as programs that read text do and browsers do not."""
    accepted = environ.get("HTTP_ACCEPT", "")[:_MAX_ACCEPT].lower()
    return "text/markdown" in accepted and "text/html" not in accepted


def theme_of(environ: Mapping[str, Any]) -> str:
    """Return the theme that was chosen on the console; empty for that of the system."""
    cookies = environ.get("HTTP_COOKIE", "")
    if THEME_COOKIE not in cookies or len(cookies) > _MAX_COOKIE:
        return ""
    theme = parse_cookie(cookies).get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""


def _is_known(stored: Stored, environ: Mapping[str, Any]) -> bool:
    given = environ.get("HTTP_IF_NONE_MATCH")
    return given is not None and parse_etags(given[:_MAX_ACCEPT]).contains_weak(stored.tag)


def _takes_gzip(environ: Mapping[str, Any]) -> bool:
    accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
    return any(each.strip(" \t").lower() == "gzip" for each in accepted.split(","))
