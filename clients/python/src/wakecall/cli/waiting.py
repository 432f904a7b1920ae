"""Waiting: follows a run until it is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from wakecall.cli import views
from wakecall.cli.failures import Exit
from wakecall.cli.output import Row
from wakecall.cli.session import Parameter, Session

_FIRST_S: Final = 0.1
_LONGEST_S: Final = 2.0
_FACTOR: Final = 1.5


def follow_job(session: Session, job: str) -> Row:
    """Follow the newest run of a job, as soon as it has one; return it when it is over."""
    return _follow(session, f"/1/jobs/{job}/runs", {"limit": 1})


def follow_run(session: Session, run: str) -> Row:
    """Follow a run; return it when it is over."""
    return _follow(session, f"/1/runs/{run}", {})


def _follow(session: Session, path: str, query: Mapping[str, Parameter]) -> Row:
    """Print the attempts of a run as they are made; return the run that is over."""
    shown = 0
    standing = ""
    for run in _polled(session, path, query):
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


def _polled(session: Session, path: str, query: Mapping[str, Parameter]) -> Iterator[Row]:
    """Yield the run again and again, as soon as there is one, with growing pauses."""
    pause = _FIRST_S
    before: Row | None = None
    while True:
        found = session.ask("GET", path, query=query)
        run = (found[0] if found else None) if isinstance(found, list) else found
        if run is not None:
            yield run
        pause = _FIRST_S if run != before else min(pause * _FACTOR, _LONGEST_S)
        before = run
        session.world.sleep(pause)
