"""Pages of lists that others change between two statements of a page: nothing is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import event

from app.domain.account import Caller
from app.domain.job_filter import JobFilter, JobPosition, JobSort
from app.domain.run import Position, RunState
from app.domain.run_filter import RunFilter
from app.domain.upcoming import Expected
from app.service import job_list, run_pages, runs, upcoming
from app.service.context import Context
from app.store import job_pages, run_list
from app.store import upcoming as upcoming_store
from app.store.settling import settle
from tests.factories import book, claim_and_take
from tests.store.test_settling import settlement_of

HOST = JobFilter(host="127.0.0.1")
FAILED = RunFilter(states=frozenset({RunState.FAILED}), host="127.0.0.1")
EXAMINED = 3
LIMIT = 10


@pytest.fixture(autouse=True)
def few_are_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (job_pages, run_list, upcoming_store):
        monkeypatch.setattr(module, "MAX_EXAMINED", EXAMINED)


@contextmanager
def before_the_second(context: Context, change: Callable[[], object]) -> Iterator[None]:
    """Make a change once, before the second statement that reads a part of a list."""
    read: list[str] = []

    def note(_c: object, _u: object, query: str, *_: object) -> None:
        if "LIMIT" in query:
            read.append(query)
            if len(read) == 2:
                change()

    engine = context.database.engine
    event.listen(engine, "before_cursor_execute", note)
    yield
    event.remove(engine, "before_cursor_execute", note)
    assert len(read) > 2


def listed_jobs(context: Context, caller: Caller, sort: JobSort) -> list[UUID]:
    found: list[UUID] = []
    after: JobPosition | None = None
    while True:
        with job_list.list_jobs(context, caller, HOST, sort, after=after, limit=LIMIT) as page:
            found += [each.job.id for each in page.jobs]
        after = page.resume_after
        if after is None:
            return found


def upcoming_jobs(context: Context, caller: Caller) -> list[UUID]:
    found: list[UUID] = []
    after: Expected | None = None
    while True:
        with upcoming.list_upcoming(
            context, caller, HOST, until=None, after=after, limit=LIMIT
        ) as page:
            found += [each.expected.job_id for each in page.firings]
        after = page.resume_after
        if after is None:
            return found


def failed_runs(context: Context, caller: Caller) -> list[UUID]:
    found: list[UUID] = []
    after: Position | None = None
    while True:
        with runs.list_runs(context, caller, FAILED, after=after, limit=LIMIT) as page:
            found += [each.id for each in page.runs]
        after = page.resume_at
        if after is None:
            return found


def failed_runs_of_pages(context: Context, caller: Caller) -> list[UUID]:
    found: list[UUID] = []
    after: Position | None = None
    while True:
        page = run_pages.list_page(context, caller, FAILED, after=after, limit=LIMIT)
        found += [each.id for each in page.runs]
        after = page.older
        if after is None:
            return found


@pytest.mark.parametrize("sort", [JobSort.NEWEST, JobSort.NEXT])
def test_a_list_of_jobs_leaves_out_none_while_others_are_booked(
    context: Context, caller: Caller, connection: psycopg.Connection, sort: JobSort
) -> None:
    account_id = caller.account.id
    made = {book(connection, account_id, due_in=60 * number) for number in range(2, 8)}

    with before_the_second(context, lambda: book(connection, account_id, due_in=60)):
        found = listed_jobs(context, caller, sort)

    assert made <= set(found)


def test_upcoming_firings_leave_out_none_while_others_are_booked(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    account_id = caller.account.id
    made = {book(connection, account_id, due_in=60 * number) for number in range(2, 8)}

    with before_the_second(context, lambda: book(connection, account_id, due_in=60)):
        found = upcoming_jobs(context, caller)

    assert made <= set(found)


@pytest.mark.parametrize("listed", [failed_runs, failed_runs_of_pages])
def test_a_list_of_runs_leaves_out_none_while_others_are_sent_again(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    listed: Callable[[Context, Caller], list[UUID]],
) -> None:
    for number in range(1, 7):
        book(connection, caller.account.id, due_in=-number)
    taken = claim_and_take(connection)
    settle(connection, [settlement_of(each, RunState.FAILED, 500) for each in taken])
    newest, *others = sorted(taken, key=lambda each: each.due_at, reverse=True)

    def send_again() -> None:
        runs.redeliver(context, caller, newest.id)

    with before_the_second(context, send_again):
        found = listed(context, caller)

    assert {each.id for each in others} <= set(found)
