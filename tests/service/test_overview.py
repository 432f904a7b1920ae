"""Overview and run pages: what the console shows, and that a page left open costs little."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.overview import BARS
from app.domain.run import SETTLED, RunKind, RunState
from app.domain.run_counts import RunCount, RunCounts, Span
from app.domain.run_filter import RunFilter
from app.domain.run_summary import RunPage
from app.errors import NotFound
from app.service import overview, recent, run_counts, run_pages, runs, upcoming
from app.service.context import Context
from app.service.recent import Recent
from tests.factories import add_account, book, claim_and_take
from tests.service.test_redelivery_of_many import several

NOW = datetime(2026, 11, 22, 9, 40, tzinfo=UTC)
COUNTS = (RunCount(begins=NOW, numbers=dict.fromkeys(SETTLED, 1), lateness=None),)
EVERY = RunFilter(states=frozenset(RunState))


def test_counts_are_kept_for_a_while_and_for_a_number_of_accounts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recent, "MAX_ACCOUNTS", 2)
    kept: Recent[tuple[RunCount, ...]] = Recent(timedelta(minutes=1))
    assert kept.get(1, NOW) is None
    for account_id in (1, 2):
        kept.keep(account_id, NOW, COUNTS)
    assert kept.get(1, NOW) == COUNTS
    kept.keep(3, NOW, COUNTS)
    assert (kept.get(1, NOW), kept.get(2, NOW)) == (COUNTS, None)
    assert kept.get(1, NOW + kept.fresh_for) is None
    assert kept.get(1, NOW - timedelta(seconds=1)) is None


def test_an_overview_that_is_asked_for_again_counts_the_newest_hour_only(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spans: list[Span] = []
    count_runs = run_counts.count_runs

    def note(context: Context, caller: Caller, span: Span) -> RunCounts:
        spans.append(span)
        return count_runs(context, caller, span)

    monkeypatch.setattr(run_counts, "count_runs", note)
    several(caller, connection, [RunState.FAILED, RunState.SUCCEEDED, RunState.DEAD])
    book(connection, caller.account.id, due_in=3600)

    first = overview.get_overview(context, caller)
    several(caller, connection, [RunState.FAILED])
    second = overview.get_overview(context, caller)

    assert [(each.ends - each.begins) // each.step for each in spans] == [BARS, 2]
    assert len(first.counts.counts) == len(second.counts.counts) == BARS
    assert first.total(RunState.FAILED, RunState.DEAD) == 2
    assert second.total(RunState.FAILED) == 2
    assert len(second.failures.jobs) == 3
    assert len(second.upcoming) == 1
    assert not second.is_empty


def test_an_account_without_jobs_is_empty(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    other = replace(caller, account=replace(caller.account, id=add_account(connection, "other")))
    several(caller, connection, [RunState.FAILED])
    assert overview.get_overview(context, other).is_empty
    assert not overview.get_overview(context, caller).is_empty


def test_pages_lead_both_ways_and_the_first_is_full(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    made = several(caller, connection, [RunState.FAILED] * 7)[::-1]

    def ids(page: RunPage) -> list[UUID]:
        return [each.id for each in page.runs]

    first = run_pages.list_page(context, caller, EVERY, limit=3)
    second = run_pages.list_page(context, caller, EVERY, after=first.older, limit=3)
    third = run_pages.list_page(context, caller, EVERY, after=second.older, limit=3)
    assert [ids(first), ids(second), ids(third)] == [made[:3], made[3:6], made[6:]]
    assert (first.newer, third.older) == (None, None)

    def back(page: RunPage) -> RunPage:
        return run_pages.list_page(
            context, caller, EVERY, after=page.newer, towards_newer=True, limit=3
        )

    assert ids(back(third)) == made[3:6]
    assert ids(back(second)) == made[:3]
    assert back(second).newer is None


def test_a_summary_has_the_job_and_the_newest_attempt(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    (run_id,) = several(caller, connection, [RunState.FAILED])
    (row,) = run_pages.list_page(context, caller, EVERY).runs
    assert (row.id, row.attempts, row.kind) == (run_id, 1, RunKind.SCHEDULED)
    assert row.lateness_ms is not None
    assert row.last is not None
    assert row.last.status == 500
    assert row.called is not None
    assert (row.called.method, row.called.max_attempts) == ("POST", 8)
    assert run_pages.list_recent_of_job(context, caller, row.job_id, 5) == (row,)


def test_a_story_has_what_the_run_sends_while_that_is_kept(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id = book(connection, caller.account.id, due_in=-1, data=b"\x00\xff")
    (taken,) = claim_and_take(connection)
    story = run_pages.get_story(context, caller, taken.id)
    assert story.content is not None
    assert (story.content.data, story.content.method) == (b"\x00\xff", "POST")
    assert story.job is not None
    assert story.job.id == job_id
    assert story.events == ()
    connection.execute("UPDATE job SET version = 2")
    assert run_pages.get_story(context, caller, taken.id).content is None
    other = replace(caller, account=replace(caller.account, id=add_account(connection, "other")))
    with pytest.raises(NotFound):
        run_pages.get_story(context, other, taken.id)
    assert runs.get(context, caller, taken.id).job_id == job_id


def test_next_firings_are_counted_again_after_a_while(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    book(connection, caller.account.id, due_in=7200)
    assert sum(upcoming.count_upcoming(context, caller).counts) == 1
    book(connection, caller.account.id, due_in=7200)
    assert sum(upcoming.count_upcoming(context, caller).counts) == 1
    later = replace(caller, now=caller.now + context.recent_loads.fresh_for)
    assert sum(upcoming.count_upcoming(context, later).counts) == 2
