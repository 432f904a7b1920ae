"""Pages: lists of documents written out one by one, so that an answer has a bound in bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import orjson
from flask import request

CURSOR: Final = "cursor"
MAX_LIMIT: Final = 1000
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""Bytes of a page; one with a single, longer element alone has more."""

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""Bytes of any answer that is made in memory."""

_Item = TypeVar("_Item")


class Frame(NamedTuple):
    """What surrounds and separates the elements of a list, and the whole list without any."""

    opening: bytes
    separator: bytes
    closing: bytes
    empty: bytes


class Page(NamedTuple, Generic[_Item]):
    """A list written out, up to the element `last`; `complete` where nothing follows."""

    body: bytes
    last: _Item | None
    complete: bool


JSON: Final = Frame(opening=b"[\n", separator=b",\n", closing=b"\n]", empty=b"[]")


def element_to_json(value: Any) -> bytes:  # noqa: ANN401 - JSON holds anything
    """The value as an element of an array, indented as `orjson` indents the whole array."""
    return orjson.dumps([value], option=orjson.OPT_INDENT_2)[len(JSON.opening) : -len(JSON.closing)]


def write(
    items: Iterable[_Item],
    to_bytes: Callable[[_Item], bytes],
    frame: Frame,
    *,
    limit: int,
    max_bytes: int = MAX_PAGE_BYTES,
) -> Page[_Item]:
    """The first `limit` items, or as many of these as `max_bytes` hold, at least one.

    `items` is read until it is known whether there is a further one. Each is dropped once it is
    written: the answer is in memory, and not the documents too.
    """
    written, last, complete = bytearray(frame.opening), None, True
    for number, item in enumerate(items):
        element = to_bytes(item)
        size = len(written) + len(frame.separator) + len(element) + len(frame.closing)
        if number == limit or (number > 0 and size > max_bytes):
            complete = False
            break
        written += element if number == 0 else frame.separator + element
        last = item
    if last is None:
        return Page(frame.empty, None, complete)
    written += frame.closing
    return Page(bytes(written), last, complete)


def next_page(cursor: str) -> str:
    """The Link (RFC 8288) to this list from `cursor` on: a relative reference, as Location is."""
    given = [(name, text) for name, text in request.args.items(multi=True) if name != CURSOR]
    path = quote(request.path, safe="/:@!$&'()*+,;=~")
    return f'<{path}?{urlencode([*given, (CURSOR, cursor)])}>; rel="next"'
