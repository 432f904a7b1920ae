"""Halving: where one row prevents an action on many, all others have it, and the row is found."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import psycopg

from app.store.database_errors import Kind, kind_of

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_SECONDS: Final = 0.3
"""How long one call goes on acting, where at least one item was found that fails by itself."""

_MOST_REFUSED: Final = 10
"""Where so many fail one by one, and nothing succeeds, the fault is not one of single rows."""


class Halved(NamedTuple, Generic[_Item, _Result]):
    """What came of acting on groups of items."""

    done: list[_Result]
    """The results of the groups that succeeded."""
    refused: list[tuple[_Item, Exception]]
    """The items that fail by themselves, each with its error."""
    left: list[_Item]
    """The items that were not acted on, for lack of time or after an error of another kind."""


def is_refused(error: Exception) -> bool:
    """Whether what failed fails each time, with the same rows."""
    return kind_of(error) is Kind.REFUSED


def by_halves(
    items: Sequence[_Item],
    act: Callable[[Sequence[_Item]], _Result],
) -> Halved[_Item, _Result]:
    """Act on all items; where that is refused, on each half, and so on down to single items.

    `act` has no effect where it raises. It goes on for 0.3 s, and until one item that fails by
    itself was found. An error is raised where nothing succeeds, unless only few items fail by
    themselves.
    """
    until = time.monotonic() + _SECONDS
    groups: deque[Sequence[_Item]] = deque([items] if items else [])
    done: list[_Result] = []
    refused: list[tuple[_Item, Exception]] = []
    while groups and not (refused and time.monotonic() > until):
        group = groups.popleft()
        try:
            done.append(act(group))
        except Exception as error:
            if not is_refused(error):
                if not (done or refused):
                    raise
                groups.appendleft(group)
                break
            if len(group) > 1:
                middle = len(group) // 2
                groups.extendleft((group[middle:], group[:middle]))
                continue
            refused.append((group[0], error))
            if len(refused) > _MOST_REFUSED and not done:
                raise
    return Halved(done, refused, [item for group in groups for item in group])


def unless_refused(act: Callable[[], object]) -> None:
    """Act on what was refused; if that is refused, too, it is left as it is."""
    try:
        act()
    except psycopg.Error as error:
        if not is_refused(error):
            raise


def raise_refusal(_item: object, error: Exception) -> None:
    """Raise the error: what a caller does with a refused item who expects none."""
    raise error
