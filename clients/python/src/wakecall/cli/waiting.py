"""Waiting: follows a run until it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from wakecall.cli import views
from wakecall.cli.failures import Exit
from wakecall.cli.output import Row
from wakecall.cli.session import Session

_FIRST_S: Final = 0.1
_LONGEST_S: Final = 2.0
_FACTOR: Final = 1.5
_LONGEST_AHEAD_S: Final = 60.0
"""How long nothing is asked at most before a job is due: it may be changed meanwhile."""

_OVERDUE_S: Final = 10.0
"""How late a first run may be until it is checked whether the job is still there."""


def follow_job(session: Session, job: Row) -> Row:
    """Follow the newest run of a job, as soon as it has one; return it when it is over.

    Raises NotFound if the job is deleted before it has a run.
    """
    due = views.next_of(job)

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

    return _follow(session, look)


def follow_run(session: Session, run: str) -> Row:
    """Follow a run; return it when it is over."""
    return _follow(session, lambda: session.ask("GET", f"/1/runs/{run}"))


def _follow(session: Session, look: Callable[[], Row | None]) -> Row:
    """Print the attempts of a run as they are made; return the run that is over."""
    shown = 0
    standing = ""
    for run in _polled(session, look):
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
    raise AssertionError  # the loop above ends with a run that is over


def exit_code(run: Row) -> int:
    """Return the exit code of a command that waited for a run."""
    return Exit.DONE if run.get("state") == "succeeded" else Exit.REFUSED


def _tell(session: Session, text: str) -> None:
    """Print progress: for people on standard output, else where it disturbs no data."""
    if session.out.format == "table":
        session.out.line(text)
    else:
        session.out.hint(text)


def _polled(session: Session, look: Callable[[], Row | None]) -> Iterator[Row]:
    """Yield the run again and again, as soon as there is one, with growing pauses."""
    pause = _FIRST_S
    before: Row | None = None
    while True:
        run = look()
        if run is not None:
            yield run
        pause = _FIRST_S if run != before else min(pause * _FACTOR, _LONGEST_S)
        before = run
        session.world.sleep(pause)
