"""What every Fusion route needs to read a request and to answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson
from flask import Response, request

from app.api import bodies, negotiation, pages
from app.api.fusion import json_reader
from app.domain.checks import quoted
from app.domain.fusion import resource as resources
from app.domain.fusion.resource import Kind, Resource
from app.errors import InvalidMember

LIMIT: Final = "limit"
MAX_LISTED: Final = 1000
DEFAULT_LISTED: Final = 100

_DIGITS: Final = 18


def read_members() -> dict[str, Any]:
    """The members of the object in the body, whatever its Content-Type is: curl sends another.

    Raises MalformedDocument and TooLarge.
    """
    return json_reader.parse(bodies.read(bodies.MAX_DOCUMENT))


def json_response(value: Any) -> Response:  # noqa: ANN401 - JSON holds anything
    """A 200 with the value as JSON, whatever the request accepts."""
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    return Response(body, content_type=negotiation.JSON)


def page_response(
    items: Iterable[dict[str, Any]], cursor: Callable[[dict[str, Any]], str], limit: int
) -> Response:
    """A list of at most `limit` items, bounded in bytes, with a Link to the next page.

    `cursor` gives the cursor of the page after an item.
    """
    written = pages.write(items, pages.element_to_json, pages.JSON, limit=limit)
    answer = Response(written.body, content_type=negotiation.JSON)
    if written.last is not None and not written.complete:
        answer.headers["Link"] = pages.next_page(cursor(written.last))
    return answer


def parse_limit() -> int:
    """The `limit` of a list, or that of a page where none is given; raises InvalidMember."""
    asked = request.args.get(LIMIT)
    if asked is None:
        return pages.MAX_LIMIT
    if not _is_number(asked) or int(asked) > pages.MAX_LIMIT:
        raise InvalidMember(
            LIMIT,
            f"limit must be an integer from 1 to {pages.MAX_LIMIT}, not {quoted(asked)}.",
            remedy="Leave it out, or follow the Link headers to the next pages.",
        )
    return int(asked)


def parse_cursor(kind: Kind | None = None) -> Resource | None:
    """The resource after which the page begins; where a kind is given, the cursor is an id of it.

    Raises InvalidMember.
    """
    asked = request.args.get(pages.CURSOR)
    if asked is None:
        return None
    return resources.parse(f"{kind}:{asked}" if kind else asked, member=pages.CURSOR)


def parse_history_limit() -> int:
    """The `limit` of a history, at most MAX_LISTED even where more is asked for.

    Raises InvalidMember.
    """
    asked = request.args.get(LIMIT)
    if asked is None:
        return DEFAULT_LISTED
    if not _is_number(asked):
        raise InvalidMember(
            LIMIT,
            f"limit must be a positive integer, not {quoted(asked)}.",
            remedy=f"Use an integer from 1 to {MAX_LISTED}.",
        )
    return min(int(asked), MAX_LISTED)


def _is_number(text: str) -> bool:
    """Whether it is a positive integer of at most _DIGITS digits."""
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) >= 1
