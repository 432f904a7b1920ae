"""Received path: the path of a request as the client sent it, for routes whose path has free text.

Flask routes by PATH_INFO, in which the server has already decoded every escape, so that an encoded
slash within a callback's URL or a job's name looks like any other. The converters here only select
the route. The view ignores the argument that they pass, whose name begins with an underscore, and
reads the path by `received_path` instead.
"""

from __future__ import annotations

from typing import NamedTuple

from flask import request
from werkzeug.routing import BaseConverter

from app.api.native.documents import request_path


class BookingPathConverter(BaseConverter):
    """`<when or cron>/<callback>`: any text with a slash that does not begin with a job's id."""

    part_isolating = False
    regex = r"(?!(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|by-name)/)[\s\S]*/[\s\S]*"


class JobNameConverter(BaseConverter):
    """A job's name: all that follows, also slashes, which a proxy may have decoded."""

    part_isolating = False
    regex = r"[\s\S]*"


class ReceivedPath(NamedTuple):
    """The path still encoded, None where the server does not give it; and PATH_INFO, in bytes."""

    raw: str | None
    decoded: bytes


def received_path() -> ReceivedPath:
    """The path of the request, to be read by `request_path`."""
    target = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI")
    return ReceivedPath(
        raw=request_path.raw_path(target) if target else None,
        # WSGI hands over bytes as the characters of ISO-8859-1 (PEP 3333).
        decoded=request.environ["PATH_INFO"].encode("latin-1"),
    )
