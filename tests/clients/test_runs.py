"""Tests of wakecall.Client.runs against the application, where no worker calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from wakecall import Client, Conflict, InvalidMember, NotOver, Unauthenticated
from wakecall.models import Run

URL = "https://example.com/wake"


@pytest.fixture
def run(client: Client) -> Run:
    """A run that is under way."""
    return client.jobs.fire(client.jobs.book(URL, cron="0 15 10 ? * *", name="report"))


def test_runs_are_read_and_listed_by_filters(client: Client, run: Run) -> None:
    assert client.runs.get(run) == client.runs.get(run.id) == run
    assert run.job is not None
    assert [each.id for each in client.runs.list(job=run.job, kind="manual")] == [run.id]
    assert [each.id for each in client.runs.list(state=["claimed", "taken"])] == [run.id]
    assert list(client.runs.list(state="dead", last_status=["5xx", "error"])) == []
    hour = timedelta(hours=1)
    assert list(client.runs.list(before=datetime.now(UTC) - hour)) == []
    assert len(list(client.runs.list(after=datetime.now(UTC) - hour, limit=1))) == 1
    assert list(client.runs.list(min_lateness=timedelta(milliseconds=2.5))) == []
    assert list(client.runs.attempts(run)) == []


def test_runs_are_counted(client: Client, run: Run) -> None:
    assert run.state == "claimed"
    counts = list(client.runs.counts(bucket="6h", after=datetime.now(UTC) - timedelta(hours=12)))
    assert len(counts) in {3, 4}
    assert sum(each.succeeded + each.failed + each.dead for each in counts) == 0
    failures = client.runs.failures()
    assert (failures.jobs, failures.more) == ((), False)


def test_a_redelivery_of_many_is_counted_by_default(client: Client) -> None:
    counted = client.runs.redeliver_all(state="failed", after=datetime.now(UTC))
    assert (counted.count, counted.lost, counted.more, counted.cursor) == (0, 0, False, None)
    assert client.runs.redeliver_all(dry_run=False).count == 0
    with pytest.raises(InvalidMember) as caught:
        client.runs.redeliver_all(cursor="nowhere")
    assert caught.value.member == "cursor"


def test_a_run_under_way_is_neither_redelivered_nor_completed(client: Client, run: Run) -> None:
    with pytest.raises(Conflict):
        client.runs.redeliver(run)
    with pytest.raises(Conflict):
        client.runs.complete(run, "failed", message="no disk")
    with pytest.raises(Unauthenticated):
        client.runs.complete(run, token="another-run")
    with pytest.raises(ValueError, match="token"):
        client.runs.complete(run, token="a b")


def test_waiting_ends_in_time(client: Client, run: Run) -> None:
    with pytest.raises(NotOver, match="is claimed"):
        client.wait_for(run, timeout=0.2)
    job = client.jobs.book(URL, after="1h")
    with pytest.raises(TimeoutError, match="has not begun"):
        client.wait_for(job, timeout=0)
    with pytest.raises(ValueError, match="paused"):
        client.wait_for(client.jobs.pause(job))
