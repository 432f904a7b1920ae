"""Incoming: the document in a request's body, read by the codec of its media type."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from app.api import bodies, negotiation
from app.api.native.codecs import xml_encoding
from app.errors import UnsupportedFormat

T = TypeVar("T")


def read(from_json: Callable[[bytes], T], from_xml: Callable[[bytes, str | None], T]) -> T:
    """What the reader of the body's media type makes of it; XML's is told the charset.

    Raises UnsupportedFormat, TooLarge and what the readers do.
    """
    received, media_type, charset = body(bodies.MAX_DOCUMENT)
    return from_json(received) if media_type == negotiation.JSON else from_xml(received, charset)


def body(limit: int) -> tuple[bytes, str, str | None]:
    """The body, its media type and its charset; raises UnsupportedFormat, TooLarge."""
    media_type, charset = bodies.media_type()
    match media_type:
        case negotiation.JSON:
            # A charset says nothing of JSON (RFC 8259, 11), whose bytes are UTF-8.
            return bodies.read(limit), negotiation.JSON, None
        case negotiation.XML_TEXT | negotiation.XML_APPLICATION if (
            charset is None or charset.lower() in xml_encoding.CHARSETS
        ):
            return bodies.read(limit), negotiation.XML_TEXT, charset
    raise UnsupportedFormat(
        "The body's media type or charset is not taken here.",
        member="Content-Type",
        remedy=f"Send one of: {', '.join(negotiation.DOCUMENTS)}; XML with no charset, or one of: "
        f"{', '.join(sorted(xml_encoding.CHARSETS))}.",
    )
