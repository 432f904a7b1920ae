"""Wire: what every Fusion route reads and answers, tolerantly where real clients need it."""

from __future__ import annotations

from typing import Any, Final

import orjson
from flask import Response, request

from app.api import bodies, negotiation
from app.domain.fusion import document
from app.domain.quotation import quoted
from app.errors import InvalidMember

MOST_LISTED: Final = 1000
USUAL_LISTED: Final = 100

_DIGITS: Final = 18


def members() -> dict[str, Any]:
    """The members of the object in the body, whatever Content-Type that bears: curl sends another.

    Raises MalformedDocument and TooLarge.
    """
    return document.parse(bodies.read(bodies.MAX_DOCUMENT))


def answer(value: Any) -> Response:  # noqa: ANN401 - JSON holds anything
    """A value as JSON, which is what these routes answer whatever is accepted; always 200."""
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    return Response(body, content_type=negotiation.JSON)


def limit() -> int:
    """How many entries of a history are asked for; more than there may be are cut to that.

    Raises InvalidMember.
    """
    asked = request.args.get("limit")
    if asked is None:
        return USUAL_LISTED
    known = asked.isascii() and asked.isdigit() and len(asked) <= _DIGITS
    if not known or int(asked) < 1:
        raise InvalidMember(
            "limit",
            f"limit is {quoted(asked)}.",
            remedy=f"Give a whole number from 1 on; more than {MOST_LISTED} are never listed.",
        )
    return min(int(asked), MOST_LISTED)
