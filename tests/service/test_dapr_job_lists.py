"""Many Dapr jobs at once: lists in pages within a size, and deletions in small transactions."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.job import Booking, Dialect
from app.domain.one_time import At
from app.service import accounts
from app.service.context import Context
from app.service.dapr import apps, job_lists, jobs
from app.service.dapr.job_lists import ListTooLong
from app.store import dapr_jobs
from tests.factories import claim_and_take, one

MOST = 4 * 1024 * 1024


def book(
    context: Context,
    caller: Caller,
    name: str,
    *,
    app: str = "shop",
    data: bytes | None = None,
    due_in: float = 3600,
) -> None:
    due = caller.now + timedelta(seconds=due_in)
    wanted = Booking(
        url="/job/a",
        trigger=At(instant=due),
        name=name,
        dialect=Dialect.DAPR,
        endpoint=app,
        written={"dueTime": "1h", "failurePolicy": {}},
        data=data,
        type_url=None if data is None else "",
    )
    jobs.book(context, caller, lambda _: (wanted, due))


@pytest.fixture
def caller(context: Context) -> Caller:
    made = accounts.authenticate(context, accounts.create(context, "demo"), account=None)
    for app in ("shop", "till"):
        apps.put(context, made.account, app, url="http://127.0.0.1:6200", token=None)
    return made


def names(context: Context, caller: Caller, app: str = "shop", most: int = MOST) -> list[str]:
    return [each.name for each in job_lists.list_jobs(context, caller, app, most=most)]


def delete(context: Context, caller: Caller, prefix: str, app: str = "shop") -> tuple[int, bool]:
    return job_lists.delete_by_prefix(context, caller, app, prefix, may_go_on=lambda: True)


def test_pages_follow_one_another(
    context: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dapr_jobs, "PAGE", 2)
    expected = {"a", "B", "é", "a b", "a-b", "ab", "_"}
    for name in expected:
        book(context, caller, name, data=name.encode())
    book(context, caller, "other", app="till")

    found = list(job_lists.list_jobs(context, caller, "shop", most=MOST))

    assert len(found) == len(expected)
    assert {each.name: each.data for each in found} == {each: each.encode() for each in expected}


def test_a_list_has_no_more_bytes_than_allowed(
    context: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcd":
        book(context, caller, name, data=b"x" * 999)
    assert len(names(context, caller, most=4000)) == 4
    with pytest.raises(ListTooLong):
        names(context, caller, most=3999)
    monkeypatch.setattr(dapr_jobs, "PAGE", 3)
    assert len(names(context, caller, most=4000)) == 4
    with pytest.raises(ListTooLong):
        names(context, caller, most=3999)


def test_long_data_beyond_what_is_allowed_is_not_read(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    for name in "abc":
        book(context, caller, name, data=b"x" * 1000)
    with context.database.statement() as session:
        page = dapr_jobs.page(session, caller.account.id, "shop", after="", most=2100)
    assert [each.data and len(each.data) for each in page] == [1000, 1000, None]
    assert page[-1].size == 3003


def test_deletions_go_on_batch_by_batch_and_leave_others(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dapr_jobs, "MAX_DELETED", 2)
    for name in ("a1", "a2", "a3", "a4", "b"):
        book(context, caller, name)
    book(context, caller, "a1", app="till")
    other = accounts.authenticate(context, accounts.create(context, "other"), account=None)
    apps.put(context, other.account, "shop", url="http://127.0.0.1:6200", token=None)
    book(context, other, "a1")

    assert delete(context, caller, "a") == (4, True)

    assert names(context, caller) == ["b"]
    assert names(context, caller, "till") == ["a1"]
    assert names(context, other) == ["a1"]
    assert delete(context, caller, "a") == (0, True)
    assert one(connection, "SELECT count(*) FROM due") == 3


def test_a_deletion_that_takes_too_long_stops_between_transactions(
    context: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dapr_jobs, "MAX_DELETED", 1)
    for name in "abc":
        book(context, caller, name)
    allowed = iter((True, True, False))

    found = job_lists.delete_by_prefix(context, caller, "shop", "", may_go_on=lambda: next(allowed))

    assert found == (2, False)
    assert names(context, caller) == ["c"]


def test_a_deletion_withdraws_runs_under_way_and_their_content(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    for name in ("a", "b"):
        book(context, caller, name, due_in=-1, data=b"x")
    assert len(claim_and_take(connection)) == 2

    assert delete(context, caller, "a") == (1, True)

    cancelled = "SELECT count(*) FROM inflight WHERE cancelled_at IS NOT NULL"
    assert one(connection, cancelled) == 1
    assert one(connection, f"{cancelled} AND reason = 'the job was deleted'") == 1
    assert one(connection, "SELECT count(*) FROM superseded") == 0
    assert names(context, caller) == ["b"]
