"""Incoming: the document in a request's body, read by the codec of its media type."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import request
from werkzeug.http import parse_options_header

from app.api import bodies, negotiation
from app.api.native import xml_encoding
from app.errors import UnsupportedFormat

T = TypeVar("T")


def read(from_json: Callable[[bytes], T], from_xml: Callable[[bytes, str | None], T]) -> T:
    """What the reader of the body's media type makes of it; XML's is told the charset.

    Raises UnsupportedFormat, TooLarge and what the readers do.
    """
    media_type, options = parse_options_header(request.headers.get("Content-Type"))
    charset = options.get("charset")
    match media_type.lower():
        case negotiation.JSON if charset is None or charset.lower() == "utf-8":
            return from_json(bodies.read(bodies.MAX_DOCUMENT))
        case negotiation.XML_TEXT | negotiation.XML_APPLICATION if (
            charset is None or charset.lower() in xml_encoding.CHARSETS
        ):
            return from_xml(bodies.read(bodies.MAX_DOCUMENT), charset)
    raise UnsupportedFormat(
        "The body's media type or charset is not taken here.",
        member="Content-Type",
        remedy=f"Send one of: {', '.join(negotiation.DOCUMENTS)}; with no charset, or utf-8.",
    )
