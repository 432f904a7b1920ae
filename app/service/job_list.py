"""Job list: the ids of an account's jobs, all of them or a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from app.domain.account import Caller
from app.errors import InvalidMember
from app.service.context import Context
from app.store import job_list


@dataclass(frozen=True, kw_only=True, slots=True)
class JobIds:
    """How many jobs an account has, and their ids as they arrive: both from one snapshot."""

    count: int
    ids: Iterator[UUID]


@contextmanager
def list_ids(context: Context, caller: Caller, tags: Sequence[str] = ()) -> Iterator[JobIds]:
    """The ids of the caller's jobs that bear all of `tags`, oldest first, in flat memory.

    Raises InvalidMember for a list that takes too long to be made in one piece.
    """
    account_id = caller.account.id
    try:
        with context.database.snapshot() as connection, job_list.in_time(connection):
            counted = job_list.count(connection, account_id, tags)
            yield JobIds(count=counted, ids=job_list.stream(connection, account_id, tags))
    except job_list.TooLong:
        raise InvalidMember(
            "limit",
            "The account has too many such jobs to list them all at once.",
            remedy="Give limit, 1 to 1000, and follow the Link of each answer to the next page.",
        ) from None


def list_page_of_ids(
    context: Context, caller: Caller, tags: Sequence[str], *, after: UUID | None, limit: int
) -> tuple[list[UUID], bool]:
    """Up to `limit` of these ids, those after `after`; and whether there are more."""
    with context.database.statement() as connection:
        found = job_list.page(connection, caller.account.id, tags, after=after, limit=limit + 1)
    return found[:limit], len(found) > limit
