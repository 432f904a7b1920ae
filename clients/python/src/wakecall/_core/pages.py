"""Pages: a part of a list, and where the next one begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from wakecall._core.answers import Answer
from wakecall._core.requests import Request
from wakecall.errors import NoAnswer

T = TypeVar("T")

MAX_PAGE: Final = 1000
"""The most items that the service puts into one page."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list. It may be empty although further ones follow."""

    items: tuple[T, ...]
    next_cursor: str | None = None
    """Where the next page begins; None on the last."""


def sized(request: Request, wanted: int | None) -> Request:
    """The request for a page that has no more items than are wanted."""
    return request if wanted is None else request.with_query("limit", str(min(wanted, MAX_PAGE)))


def continued(request: Request, answer_cursor: str) -> Request:
    """The request for the next page.

    Raises NoAnswer where the next page is the same one: such a list would never end.
    """
    if ("cursor", answer_cursor) in request.query:
        raise NoAnswer("The service leads from a page to the same page.")
    return request.with_query("cursor", answer_cursor)


def page_of(answer: Answer, items: tuple[T, ...]) -> Page[T]:
    """The page in an answer."""
    return Page(items, answer.next_cursor)
