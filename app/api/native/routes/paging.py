"""Paging: the query parameters with which a client asks for a page of a list."""

from __future__ import annotations

from typing import Final

from flask import request

from app.api import pages
from app.api.native.codecs.schema import Integer

LIMIT: Final = "limit"
CURSOR: Final = pages.CURSOR
MAX_LIMIT: Final = pages.MAX_LIMIT
DEFAULT_LIMIT: Final = 100

_LIMIT: Final = Integer(
    minimum=1,
    maximum=MAX_LIMIT,
    remedy="Correct limit, or omit it to get the default.",
)


def scope_of(account_id: int) -> list[str]:
    """What identifies the list that the request asks for: account, path and filters."""
    filters = sorted(
        f"{name}={value}"
        for name, value in request.args.items(multi=True)
        if name not in {LIMIT, CURSOR}
    )
    return [str(account_id), request.path, *filters]


def parse_limit() -> int | None:
    """The `limit` of the query, None where there is none; raises InvalidMember."""
    text = request.args.get(LIMIT)
    return None if text is None else _LIMIT.parse(LIMIT, text)
