"""Request body: the document that a client sends, with its media type and charset."""

from __future__ import annotations

from app.api import bodies, negotiation
from app.api.native.codecs import xml_encoding
from app.api.native.codecs.reader import Body
from app.errors import UnsupportedFormat


def receive(limit: int = bodies.MAX_DOCUMENT) -> Body:
    """The body, of at most `limit` bytes; raises UnsupportedFormat, TooLarge."""
    media_type, charset = bodies.media_type()
    match media_type:
        case negotiation.JSON:
            # A charset means nothing for JSON (RFC 8259, 11), whose bytes are UTF-8.
            return Body(bodies.read(limit), negotiation.JSON)
        case negotiation.XML_TEXT | negotiation.XML_APPLICATION if (
            charset is None or charset.lower() in xml_encoding.CHARSETS
        ):
            return Body(bodies.read(limit), negotiation.XML_TEXT, charset)
    raise UnsupportedFormat(
        "The media type or charset of the body is not supported here.",
        member="Content-Type",
        remedy=f"Send one of: {', '.join(negotiation.DOCUMENTS)}; XML with no charset, or one of: "
        f"{', '.join(sorted(xml_encoding.CHARSETS))}.",
    )
