"""Wire: what every Fusion route reads and answers, tolerantly where real clients need it."""

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


def members() -> dict[str, Any]:
    """The members of the object in the body, whatever Content-Type that bears: curl sends another.

    Raises MalformedDocument and TooLarge.
    """
    return json_reader.parse(bodies.read(bodies.MAX_DOCUMENT))


def answer(value: Any) -> Response:  # noqa: ANN401 - JSON holds anything
    """A value as JSON, which is what these routes answer whatever is accepted; always 200."""
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    return Response(body, content_type=negotiation.JSON)


def page(
    items: Iterable[dict[str, Any]], cursor: Callable[[dict[str, Any]], str], limit: int
) -> Response:
    """A list, bounded in bytes, with a Link to what follows the first `limit` items.

    `cursor` leads on after one of them.
    """
    written = pages.write(items, pages.element_to_json, pages.JSON, limit=limit)
    answer = Response(written.body, content_type=negotiation.JSON)
    if written.last is not None and not written.complete:
        answer.headers["Link"] = pages.next_page(cursor(written.last))
    return answer


def page_limit() -> int:
    """How many elements of a list are asked for, or as many as a page has; raises InvalidMember."""
    asked = request.args.get(LIMIT)
    if asked is None:
        return pages.MAX_LIMIT
    if not _is_number(asked) or int(asked) > pages.MAX_LIMIT:
        raise InvalidMember(
            LIMIT,
            f"limit is {quoted(asked)}.",
            remedy=f"Give a whole number from 1 to {pages.MAX_LIMIT}.",
        )
    return int(asked)


def after(kind: Kind | None = None) -> Resource | None:
    """The resource that the page begins after; that of an id, where a kind is given.

    Raises InvalidMember.
    """
    asked = request.args.get(pages.CURSOR)
    if asked is None:
        return None
    return resources.parse(f"{kind}:{asked}" if kind else asked, member=pages.CURSOR)


def limit() -> int:
    """How many entries of a history are asked for; more than there may be are cut to that.

    Raises InvalidMember.
    """
    asked = request.args.get(LIMIT)
    if asked is None:
        return DEFAULT_LISTED
    if not _is_number(asked):
        raise InvalidMember(
            LIMIT,
            f"limit is {quoted(asked)}.",
            remedy=f"Give a whole number from 1 on; more than {MAX_LISTED} are never listed.",
        )
    return min(int(asked), MAX_LISTED)


def _is_number(text: str) -> bool:
    """Whether it is a whole number from 1 on, of few digits."""
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) >= 1
