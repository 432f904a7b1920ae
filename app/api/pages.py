"""Pages: writes lists of documents one by one, so that a response has a limit in bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import orjson
from flask import request

CURSOR: Final = "cursor"
MAX_LIMIT: Final = 1000
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""The most bytes of a page, unless its only element is longer."""

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""The most bytes of a response that is built in memory."""

_Item = TypeVar("_Item")


class Frame(NamedTuple):
    """The bytes around and between the elements of a list, and an empty list."""

    opening: bytes
    separator: bytes
    closing: bytes
    empty: bytes


class Page(NamedTuple, Generic[_Item]):
    """A serialized list up to the element `last`; `complete` if no element follows."""

    body: bytes
    last: _Item | None
    complete: bool


JSON: Final = Frame(opening=b"[\n", separator=b",\n", closing=b"\n]", empty=b"[]")


def element_to_json(value: Any) -> bytes:  # noqa: ANN401 - JSON holds anything
    """Return the value as an element of an array, indented as `orjson` indents an array."""
    return orjson.dumps([value], option=orjson.OPT_INDENT_2)[len(JSON.opening) : -len(JSON.closing)]


def write(
    items: Iterable[_Item],
    to_bytes: Callable[[_Item], bytes],
    frame: Frame,
    *,
    limit: int,
    max_bytes: int = MAX_PAGE_BYTES,
) -> Page[_Item]:
    """Serialize up to `limit` items that fit into `max_bytes` bytes, but at least one item.

    `items` is read up to the first item that does not fit, or to the end. Each item is dropped
    after it is written, so that only the serialized list is in memory.
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
    """Return the Link (RFC 8288) to this list from `cursor` on, a relative reference."""
    given = [(name, text) for name, text in request.args.items(multi=True) if name != CURSOR]
    path = quote(request.path, safe="/:@!$&'()*+,;=~")
    return f'<{path}?{urlencode([*given, (CURSOR, cursor)])}>; rel="next"'
