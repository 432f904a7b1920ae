"""Run path: the states that a run went through, as steps with their times. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.console import run_text
from app.domain.run import LIVE, Attempt, Run, RunState

MAX_ATTEMPTS: Final = 6
"""Attempts that are steps of their own; those in between are one step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of a run."""

    state: str
    """The state whose glyph it has."""
    word: str
    at: datetime | None = None
    lateness_ms: float | None = None
    note: str = ""


def steps_of(run: Run) -> list[Step]:
    """Return the path of a run, from its due time to its end or to what it waits for."""
    note = f"{run.missed} missed before this run" if run.missed else ""
    steps = [Step(state="claimed", word="Due", at=run.due_at, note=note)]
    attempts = run.attempts
    if len(attempts) > MAX_ATTEMPTS:
        first, last = attempts[:1], attempts[1 - MAX_ATTEMPTS :]
        left = len(attempts) - MAX_ATTEMPTS
        steps += [_attempted(each) for each in first if not run.omitted_attempts]
        left += run.omitted_attempts + (1 if run.omitted_attempts else 0)
        steps.append(Step(state="waiting", word=_attempts(left, "more")))
        attempts = last
    elif run.omitted_attempts:
        steps.append(Step(state="waiting", word=_attempts(run.omitted_attempts, "earlier")))
    steps += [_attempted(each) for each in attempts]
    steps.append(_last(run))
    return steps


def _attempts(number: int, which: str) -> str:
    return f"{number} {which} attempt{'' if number == 1 else 's'}"


def _attempted(attempt: Attempt) -> Step:
    reply = attempt.reply
    accepted = run_text.is_success(reply.status)
    return Step(
        state="succeeded" if accepted else "failed",
        word=f"Attempt {attempt.number}: {run_text.outcome(reply.status, reply.error)}",
        at=attempt.started_at,
        lateness_ms=attempt.lateness_ms if attempt.number == 1 else None,
    )


def _last(run: Run) -> Step:
    state = str(run.state)
    if run.state not in LIVE:
        return Step(state=state, word=state.capitalize(), at=run.settled_at)
    if run.state is RunState.WAITING and run.next_attempt_at is not None:
        return Step(state=state, word="Waiting", at=run.next_attempt_at, note="next attempt")
    if run.state is RunState.RUNNING and run.complete_by is not None:
        return Step(state=state, word="Running", at=run.complete_by, note="result expected until")
    return Step(state=state, word=state.capitalize(), note="now")
