"""Pages: a list that is read page by page as its items are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from wakecall._core.answers import Answer
from wakecall._core.pages import Page, continued, page_of, sized
from wakecall._core.requests import Request

T = TypeVar("T")


class Send(Protocol):
    """Sends a request, and gives the value of its answer."""

    def __call__(self, request: Request, read: Callable[[Answer], T]) -> T:
        """Raises WakecallError."""


class Pages(Generic[T]):
    """A list of the service. Going through it gives its items; each time it is read anew."""

    def __init__(
        self,
        send: Send,
        request: Request,
        read: Callable[[Answer], tuple[T, ...]],
        limit: int | None,
    ) -> None:
        if limit is not None and limit < 1:
            raise ValueError("limit must be at least 1.")
        self._send = send
        self._request = request
        self._read = read
        self._limit = limit

    def __iter__(self) -> Iterator[T]:
        """The items one by one; raises WakecallError."""
        for page in self.pages():
            yield from page.items

    def pages(self) -> Iterator[Page[T]]:
        """The pages one by one, each with the cursor of the next one; raises WakecallError."""
        request, left = self._request, self._limit
        while True:
            page = self._get(sized(request, left))
            if left is not None:
                page = Page(page.items[:left], page.next_cursor)
                left -= len(page.items)
            yield page
            if page.next_cursor is None or left == 0:
                return
            request = continued(request, page.next_cursor)

    def first(self) -> Page[T]:
        """The first page; raises WakecallError."""
        return self._get(sized(self._request, self._limit))

    def _get(self, request: Request) -> Page[T]:
        return self._send(request, lambda answer: page_of(answer, self._read(answer)))
