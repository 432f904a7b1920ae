"""Waiting: follows a run until it is over, or until a time limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, Final

import click

from wakecall.cli import views
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.options import span
from wakecall.cli.output import Row
from wakecall.cli.session import Session

_FIRST_S: Final = 0.1
_LONGEST_S: Final = 2.0
_FACTOR: Final = 1.5
_LONGEST_AHEAD_S: Final = 60.0
"""How long nothing is asked at most before a job is due: it may be changed meanwhile."""

_OVERDUE_S: Final = 10.0
"""How late a first run may be until it is checked whether the job is still there."""

_LIMIT: Final = timedelta(minutes=5)


def waits(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that wait for a call: `wait`, and its limit as `wait_for`."""
    options = (
        click.option("--wait", is_flag=True, help="Wait for the call, and fail if it fails."),
        click.option(
            "--wait-for",
            metavar="SPAN",
            callback=span,
            help="Wait as with --wait, but so long after the call is due at most: 90s, 2h. "
            "5m is the limit of --wait. A run that is not over then goes on, and the exit code is "
            "1.",
        ),
    )
    return reduce(lambda made, option: option(made), reversed(options), command)


def follow_job(session: Session, job: Row, limit: timedelta | None) -> Row:
    """Follow the newest run of a job, as soon as it has one; return it when it is over.

    `limit` is how long after the job is due, None for the usual one. Raises NotFound if the job is
    deleted before it has a run, and Failure at the limit.
    """
    due = views.due_of(job)
    now = session.out.now
    last = _latest(max(due or now, now), _LIMIT if limit is None else limit)

    def look() -> Row | None:
        runs = session.ask("GET", f"/1/jobs/{job['id']}/runs", query={"limit": 1})
        if runs:
            found: Row = runs[0]
            return found
        left = (due - session.out.now).total_seconds() if due else 0.0
        if left < -_OVERDUE_S:
            session.job(f"{job['id']}")
        session.world.sleep(min(max(left, 0.0), _LONGEST_AHEAD_S))
        return None

    run = _follow(session, look, last)
    if run is None:
        raise _not_over(
            f"The job {job['id']} has no run yet.", f"Look at it: wakecall job get {job['id']}"
        )
    return _over(run)


def follow_fired(session: Session, run: str, limit: timedelta | None) -> Row:
    """Follow a run that begins now; return it when it is over. Raises Failure at the limit."""
    last = _latest(session.out.now, _LIMIT if limit is None else limit)
    return _over(_follow(session, _looker(session, run), last) or {"id": run})


def follow_run(session: Session, run: str) -> Row:
    """Follow a run, however long it takes; return it when it is over."""
    return _over(_follow(session, _looker(session, run)) or {})


def _latest(begin: datetime, limit: timedelta) -> datetime:
    """When a wait ends that begins then; the last instant there is for a later one."""
    try:
        return begin + limit
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _looker(session: Session, run: str) -> Callable[[], Row]:
    def look() -> Row:
        found: Row = session.ask("GET", f"/1/runs/{run}")
        return found

    return look


def _over(run: Row) -> Row:
    """Return a run that is over. Raises Failure for one that is not."""
    if run.get("state") not in views.OVER:
        state = f"{run.get('state')}"
        raise _not_over(
            f"The run {run['id']} is {state}, and goes on.",
            f"Follow it to its end: wakecall run watch {run['id']} (--wait-for waits longer)",
        )
    return run


def _not_over(state: str, remedy: str) -> Failure:
    return Failure(Exit.REFUSED, "Not over", f"The limit of the wait has passed. {state}", remedy)


def _follow(
    session: Session, look: Callable[[], Row | None], last: datetime | None = None
) -> Row | None:
    """Print the attempts of a run as they are made; return it when it is over, or at the limit.

    None stands for a run that did not exist up to the limit, which is the instant `last`.
    """
    shown = 0
    standing = ""
    run: Row | None = None
    for run in _polled(session, look, last):
        attempts = run.get("attempts") or []
        omitted = int(run.get("omittedAttempts") or 0)
        for attempt in attempts[max(0, shown - omitted) :]:
            _tell(session, views.attempt_sentence(session.out, attempt))
        shown = omitted + len(attempts)
        state = f"{run.get('state')} {run.get('nextAttempt')}"
        if run.get("state") in views.OVER:
            _tell(session, views.end_sentence(session.out, run))
            return run
        if state != standing and attempts:
            _tell(session, views.end_sentence(session.out, run))
        standing = state
    return run


def exit_code(run: Row) -> int:
    """Return the exit code of a command that waited for a run."""
    return Exit.DONE if run.get("state") == "succeeded" else Exit.REFUSED


def _tell(session: Session, text: str) -> None:
    """Print progress: for people on standard output, else where it disturbs no data."""
    if session.out.format == "table":
        session.out.line(text)
    else:
        session.out.hint(text)


def _polled(
    session: Session, look: Callable[[], Row | None], last: datetime | None
) -> Iterator[Row]:
    """Yield the run again and again, as soon as there is one, with growing pauses, until `last`."""
    pause = _FIRST_S
    before: Row | None = None
    while True:
        run = look()
        if run is not None:
            yield run
        if last is not None and session.out.now > last:
            return
        pause = _FIRST_S if run != before else min(pause * _FACTOR, _LONGEST_S)
        before = run
        session.world.sleep(pause)
