"""Reader: the body of a request, and its document read by the codec of its media type."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.api import negotiation
from app.api.native.codecs import json_codec, xml_codec
from app.api.native.codecs.schema import Object, Variants


class Body(NamedTuple):
    """The body of a request, with what Content-Type gives as its media type and charset."""

    content: bytes
    media_type: str
    charset: str | None = None


def read(body: Body, document: Object | Variants) -> dict[str, Any]:
    """The members of the document in `body`, each in its shape; without those that are null.

    Raises MalformedDocument and InvalidMember.
    """
    if body.media_type == negotiation.JSON:
        return json_codec.read(body.content, document)
    return xml_codec.read(body.content, body.charset, document)
