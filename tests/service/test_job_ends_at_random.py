"""Whatever is done to jobs, in whatever order, none of them is left with nothing to come."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.job import Booking, ReadOnlyMembers
from app.domain.native.trigger import Cron
from app.domain.one_time import At
from app.domain.run import RunState
from app.errors import Refused
from app.service import jobs, manual_calls, pauses, runs
from app.service.context import Context
from app.store.rescue import check
from app.store.settling import Settlement, settle
from app.store.takes import Taken, take
from tests.factories import claim_all, in_seconds
from tests.service.test_job_ends import OVER
from tests.service.test_jobs import booking
from tests.store.test_settling import settlement_of

STEPS: Final = 300
HOURS: Final = 3600.0 * 3

LEFT_OVER: Final = """
SELECT job.id FROM job JOIN due ON due.job_id = job.id
WHERE enabled AND NOT standing AND next_at IS NULL AND held_at IS NULL
  AND NOT EXISTS (SELECT FROM inflight WHERE inflight.job_id = job.id AND cancelled_at IS NULL)
"""
COME_TRUE: Final = """
UPDATE inflight SET due_at = clock_timestamp(), send_at = clock_timestamp()
FROM due WHERE due.job_id = inflight.job_id AND due.recurring
  AND inflight.due_at > clock_timestamp() + interval '1 s'
"""
"""Firings of schedules are claimed hours ahead here: they are due now, as none ends before that."""

PASSED: Final = """
UPDATE job SET trigger = jsonb_set(trigger, '{expression}', to_jsonb(%s::text))
FROM due WHERE due.job_id = job.id AND due.recurring AND due.next_at IS NULL AND job.enabled
"""
"""And with the last of them the schedule is over."""

OUTCOMES: Final[Sequence[tuple[RunState | None, int]]] = (
    (RunState.SUCCEEDED, 204),
    (RunState.FAILED, 500),
    (RunState.FAILED, 410),
    (None, 503),
    (None, 503),
)


class Lives:
    """Jobs of one account, and the runs of theirs that a worker has taken."""

    def __init__(
        self, context: Context, connection: psycopg.Connection, caller: Caller, seed: int
    ) -> None:
        self.context = context
        self.connection = connection
        self.caller = caller
        self.random = random.Random(seed)
        self.held: list[Taken] = []

    def step(self) -> None:
        """Do one thing; what is refused changes nothing."""
        actions: list[Callable[[], object]] = [self.book, self.update, self.pause, self.resume]
        actions += [self.fire, self.send_again, self.take, self.take, self.retry]
        actions += [self.delete] if self.random.random() < 0.5 else [self.retry]
        actions += [self.settle] * 9
        with suppress(Refused):
            self.random.choice(actions)()

    def wanted(self) -> Booking:
        """A job of one firing, or of a few a quarter of an hour apart."""
        if self.random.random() < 0.5:
            return booking(At(instant=in_seconds(self.random.uniform(60, 600))))
        hour = datetime.now(UTC) + timedelta(hours=1)
        minutes = ["0", "0,15", "0,15,30"][self.random.randrange(3)]
        return booking(Cron(expression=f"0 {minutes} {hour:%-H %-d %-m} ? {hour:%Y}"))

    def job(self) -> UUID:
        found = self.connection.execute("SELECT id FROM job ORDER BY id").fetchall()
        chosen: UUID = self.random.choice(found or [(UUID(int=0),)])[0]
        return chosen

    def book(self) -> None:
        jobs.create(self.context, self.caller, self.wanted())

    def update(self) -> None:
        enabled = self.random.random() < 0.8
        jobs.update(
            self.context,
            self.caller,
            self.job(),
            replace(self.wanted(), enabled=enabled),
            ReadOnlyMembers(),
        )

    def pause(self) -> None:
        pauses.pause(self.context, self.caller, self.job())

    def resume(self) -> None:
        pauses.resume(self.context, self.caller, self.job())

    def fire(self) -> None:
        manual_calls.call_now(self.context, self.caller, self.job())

    def delete(self) -> None:
        jobs.delete(self.context, self.caller, self.job())

    def send_again(self) -> None:
        failed = self.connection.execute("SELECT id FROM run WHERE state = 'failed' ORDER BY id")
        runs.redeliver(
            self.context, self.caller, self.random.choice(failed.fetchall() or [(UUID(int=0),)])[0]
        )

    def take(self) -> None:
        claimed = claim_all(self.connection, ahead=HOURS)
        self.connection.execute(COME_TRUE)
        self.connection.execute(PASSED, (OVER,))
        self.held += take(self.connection, [(each.run_id, each.token) for each in claimed])

    def retry(self) -> None:
        """Take what waits for its retry, was asked for by hand, or is to be sent again."""
        self.connection.execute(
            "UPDATE inflight SET look_at = clock_timestamp() WHERE state <> 'taken'"
        )
        checked = check(self.connection, limit=100, leases_count=False)
        settle(self.connection, checked.ended)
        self.held += take(
            self.connection, [(each.run_id, each.token) for each in checked.to_notify]
        )

    def settle(self) -> None:
        """Settle some of what is held, as the worker does that may have heard of a withdrawal."""
        self.random.shuffle(self.held)
        batch = [self.held.pop() for _ in range(min(len(self.held), self.random.randint(1, 3)))]
        settle(self.connection, [self.end(each) for each in batch])

    def end(self, run: Taken) -> Settlement:
        withdrawn = self.connection.execute(
            "SELECT cancelled_at IS NOT NULL FROM inflight WHERE id = %s", (run.id,)
        ).fetchone()
        if withdrawn is not None and withdrawn[0] and self.random.random() < 0.5:
            return settlement_of(run, RunState.CANCELLED)._replace(attempt=None)
        return settlement_of(run, *self.random.choice(OUTCOMES))


@pytest.mark.parametrize("seed", range(4))
def test_no_job_is_left_with_nothing_to_come(
    context: Context, caller: Caller, connection: psycopg.Connection, seed: int
) -> None:
    lives = Lives(context, connection, caller, seed)
    for number in range(STEPS):
        lives.step()
        left = connection.execute(LEFT_OVER).fetchall()
        assert left == [], f"step {number} of seed {seed}"

    settled = connection.execute("SELECT count(*) FROM run WHERE attempts > 0").fetchone()
    assert settled is not None
    assert settled[0] >= 10, "too little happened to show anything"
