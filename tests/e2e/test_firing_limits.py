"""Firing limits: firings above them are postponed in order, and delay no other account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.e2e.conftest import Report, at_home
from tests.e2e.firings import arrivals, book_many, steadily
from tests.e2e.instance import Instance
from tests.e2e.sink import Sink
from tests.factories import in_seconds, one
from tests.receiver import answer

LIMIT = 50
COUNT = 500
ON_TIME = 3.0

_UNLIMITED = """
WITH made AS (
  INSERT INTO account (name, limits) VALUES ('other', '{"firingsPerSecond": null}') RETURNING id
)
INSERT INTO signing_secret (account_id, sealed)
SELECT made.id, s.sealed FROM made, signing_secret s JOIN account a ON a.id = s.account_id
WHERE a.name = 'demo'
"""
_POSTPONED = """
SELECT count(*) FROM run WHERE job_id = ANY (%s)
AND reason = 'postponed: the account may begin 50 runs a second (firingsPerSecond)'
"""


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Instance]:
    """An instance whose accounts may begin LIMIT runs a second."""
    with at_home(tmp_path / "home", WAKECALL_LIMIT_FIRINGS_PER_SECOND=f"{LIMIT}") as instance:
        instance.start()
        instance.wait_until_ready()
        instance.wait_for_line("Inbox")
        yield instance


@pytest.mark.alone
def test_an_account_fires_no_faster_than_it_may_and_nothing_is_lost(
    limited: Instance, sink: Sink, report: Report
) -> None:
    with limited.connect() as connection, Sink(answer(204)) as beside:
        connection.execute(_UNLIMITED)
        first = in_seconds(4)
        dues = [first + timedelta(microseconds=n) for n in range(COUNT)]
        jobs = book_many(connection, sink.url(), dues)
        mine = book_many(connection, beside.url(), steadily(20, 10, ahead=4), account="other")
        others = arrivals(beside, connection, mine)
        arrived = arrivals(sink, connection, jobs)
        postponed = one(connection, _POSTPONED, list(jobs))

    calls = sorted(arrived.calls.items(), key=lambda each: each[1][0].at)
    times = [call[0].at for _, call in calls]
    report(f"{COUNT} firings at {LIMIT} a second took {times[-1] - times[0]:.1f} s")
    report(f"beside them: {others.summary}")
    assert arrived.repeated == []
    assert postponed >= COUNT - 2 * LIMIT
    assert all(sum(began <= each < began + 1 for each in times) <= 2.5 * LIMIT for began in times)
    assert (COUNT - LIMIT) / LIMIT - 1 <= times[-1] - times[0] <= COUNT / LIMIT + 20
    positions = {job: index for index, (job, _) in enumerate(calls)}
    # Turns are in order; on a busy machine one worker may be a second behind the other.
    assert max(abs(index - positions[job]) for index, job in enumerate(jobs)) <= 2 * LIMIT
    assert others.lateness[-1] < ON_TIME
