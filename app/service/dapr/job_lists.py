"""Dapr jobs, many at once: listed by app, and deleted by the prefix of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from app.domain.account import Caller
from app.service.context import Context
from app.store import dapr_jobs as store
from app.store.dapr_jobs import ListedJob

_DELETED: Final = "the job was deleted"


class ListTooLong(Exception):
    """The jobs of the app have more bytes than a list may have."""


def list_jobs(context: Context, caller: Caller, app_id: str, *, most: int) -> Iterator[ListedJob]:
    """The jobs of the app, page by page; raises ListTooLong above `most` bytes of names and data.

    A job that is booked or ends meanwhile is listed or not.
    """
    after, left = "", most
    while True:
        with context.database.statement() as connection:
            jobs = store.page(connection, caller.account.id, app_id, after=after, most=left)
        if jobs and jobs[-1].size > left:
            raise ListTooLong
        yield from jobs
        if len(jobs) < store.PAGE:
            return
        after, left = jobs[-1].name, left - jobs[-1].size


def delete_by_prefix(
    context: Context, caller: Caller, app_id: str, prefix: str, *, may_go_on: Callable[[], bool]
) -> tuple[int, bool]:
    """End the app's jobs whose names begin with `prefix`, in transactions of a few each.

    Returns how many there were, and whether these were all: no transaction begins any more once
    `may_go_on` is false. From 100 ms after this returns none of their calls begins.
    """
    account_id = caller.account.id
    number, after = 0, ""
    while may_go_on():
        with context.database.transaction() as connection:
            found = store.find_by_prefix(connection, account_id, app_id, prefix, after=after)
            if found:
                store.delete(connection, account_id, [job_id for _, job_id in found], _DELETED)
        number += len(found)
        if len(found) < store.MAX_DELETED:
            return number, True
        after = found[-1][0]
    return number, False
