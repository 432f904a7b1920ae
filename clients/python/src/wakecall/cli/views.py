"""Views: how jobs, runs and firings are shown: their columns and sentences."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote

from wakecall.cli import times
from wakecall.cli.output import Column, Json, Output, Row

DONE: Final = "✓"
FAILED: Final = "✕"
UNDER_WAY: Final = "○"
_MARKS: Final = {"succeeded": DONE, "failed": FAILED, "dead": FAILED, "cancelled": "-"}
OVER: Final = frozenset(_MARKS)
"""The states of runs that are over."""


def instant(text: Json) -> datetime | None:
    """Return an instant of the API; None if there is none."""
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def member(name: str) -> Column:
    """Return a column that shows a member as it is, only if it is named."""
    return Column(name, lambda each: each.get(name), is_extra=True)


def due_of(job: Row) -> datetime | None:
    """Return when a job is due next; the only time, past or not, of a job that is called once."""
    return instant(job.get("next")) or instant(job.get("when"))


def next_of(job: Row, now: datetime) -> datetime | None:
    """Return when a job is called next; None once the only call of a job has been due."""
    only = instant(job.get("when"))
    return instant(job.get("next")) or (only if only and only > now else None)


def name_of(job: Row) -> str:
    """Return what a job is called: its name, or its id."""
    return f"{job.get('name') or job.get('id') or job.get('job') or ''}"


def schedule_of(job: Row) -> str:
    """Return the schedule of a job as it was written."""
    cron = job.get("cron") or job.get("schedule")
    if cron:
        zone = job.get("timezone")
        return f"{cron} {zone}" if zone else f"{cron}"
    return "once" if job.get("when") else ""


def target_of(job: Row) -> str:
    """Return what a job calls: a URL, or a Dapr app or Fusion runner."""
    return f"{job.get('url') or job.get('endpoint') or ''}"


def when_of(out: Output, at: datetime | None) -> str:
    """Return an instant with its distance: `Mon 23 Nov 10:15:00 +01:00 (in 23 h)`."""
    if at is None:
        return ""
    return f"{times.day_and_time(at, out.zone, out.now)} ({times.distance(at, out.now)})"


def job_columns(out: Output, failing: Mapping[str, str] | None = None) -> list[Column]:
    """Return the columns of jobs; `failing` has the failure of each job that fails, by its id."""

    def next_shown(job: Row) -> str:
        if job.get("enabled") is False:
            return "paused"
        at = due_of(job)
        if at and at <= out.now:
            return f"was due {times.distance(at, out.now)}"
        return times.day_and_time(at, out.zone, out.now) if at else ""

    def distance(job: Row) -> str:
        at = due_of(job)
        return times.span((at - out.now).total_seconds()) if at and at > out.now else "-"

    columns = [
        Column("job", name_of),
        Column("next", lambda job: next_of(job, out.now), next_shown),
        Column("schedule", schedule_of),
        Column("calls", target_of, is_free=True),
        *(member(each) for each in ("id", "name", "when", "cron", "timezone", "url", "tags")),
        *(member(each) for each in ("enabled", "method", "dialect", "endpoint")),
    ]
    if failing is not None:
        columns.insert(2, Column("in", distance, is_for_people=True))
        columns.insert(4, Column("failing", lambda job: failing.get(f"{job.get('id')}", "")))
    return columns


def view_of_runs(out: Output) -> dict[str, str]:
    """Return the parameters of a list of runs: programs get all of them, people what is shown."""
    return {} if out.options.is_json else {"view": "brief"}


def run_columns(out: Output) -> list[Column]:
    """Return the columns of runs; the first four fit into 80 columns of a terminal."""

    def due(run: Row) -> str:
        at = instant(run.get("due"))
        return times.date_and_time(at, out.zone, out.now) if at else ""

    return [
        Column("run", lambda run: run.get("id")),
        Column("state", lambda run: run.get("state"), _brief_state),
        Column("result", lambda run: result_of(last_attempt(run)), is_for_programs=True),
        Column("late", _lateness, _late, is_number=True, unit="ms"),
        Column("due", lambda run: instant(run.get("due")), due),
        Column("attempts", attempts_of, is_number=True),
        Column("job", lambda run: run.get("job") or run.get("run")),
        Column("reason", lambda run: run.get("reason"), is_free=True),
        *(member(each) for each in ("kind", "version", "settled", "missed", "nextAttempt")),
    ]


def upcoming_columns(out: Output) -> list[Column]:
    """Return the columns of upcoming firings."""

    def distance(firing: Row) -> str:
        at = instant(firing.get("expected") or firing.get("due"))
        return times.distance(at, out.now) if at else ""

    return [
        Column("due", lambda firing: instant(firing.get("due"))),
        Column("in", lambda _: None, distance, is_for_people=True),
        Column("job", name_of),
        Column("schedule", lambda firing: schedule_of(firing) or "once"),
        Column("calls", target_of, is_free=True),
        Column("reason", lambda firing: firing.get("reason"), is_free=True),
        *(member(each) for each in ("expected", "dialect", "recurring", "remaining", "tags")),
        Column("id", lambda firing: firing.get("job"), is_extra=True),
    ]


def mark_of(run: Row) -> str:
    """Return a run's state with its mark: `✓ succeeded`."""
    state = f"{run.get('state')}"
    return f"{_MARKS.get(state, UNDER_WAY)} {state}"


def _brief_state(run: Row) -> str:
    """Return a run's mark with the result of its newest attempt: `✓ 204`, `○ waiting 503`."""
    result = result_of(last_attempt(run))
    if result and run.get("state") in ("succeeded", "failed"):
        return f"{_MARKS[run['state']]} {result}"
    return f"{mark_of(run)} {result}".rstrip()


def result_of(attempt: Row) -> str:
    """Return what an attempt got: a status or an error; empty if there was none."""
    return f"{attempt.get('status') or attempt.get('error') or ''}"


def last_attempt(run: Row) -> Row:
    """Return the newest attempt of a run; an empty one if there was none."""
    attempts = run.get("attempts") or [{}]
    found: Row = attempts[-1]
    return found


def attempts_of(run: Row) -> int:
    """Return how many attempts a run has had."""
    return len(run.get("attempts") or ()) + int(run.get("omittedAttempts") or 0)


def attempt_sentence(out: Output, attempt: Row) -> str:
    """Return `Called 10:04:11.0019: 204, 1.9 ms late, 12 ms`."""
    started = instant(attempt.get("started"))
    began = f" {times.exact_clock(started, out.zone)}" if started else ""
    parts = [result_of(attempt) or "no result"]
    if attempt.get("errorDetail"):
        parts[0] += f" ({attempt['errorDetail']})"
    if isinstance(attempt.get("latenessMs"), int | float):
        parts.append(f"{times.milliseconds(attempt['latenessMs'])} late")
    total = timing_of(attempt, "totalMs")
    if total is not None:
        parts.append(times.milliseconds(total))
    return f"Called{began}: {', '.join(parts)}"


def end_sentence(out: Output, run: Row) -> str:
    """Return how a run stands: its state, the reason, and when it is called again."""
    text = f"{mark_of(run)}"
    if run.get("reason"):
        text += f": {run['reason']}"
    again = instant(run.get("nextAttempt"))
    if again:
        text += f" Next attempt {times.distance(again, out.now)}."
    return text


def timing_of(attempt: Row, name: str) -> float | None:
    """Return a duration of an attempt, in milliseconds; None if it is not known."""
    value = (attempt.get("timing") or {}).get(name)
    return float(value) if isinstance(value, int | float) else None


def body_of(attempt: Row) -> bytes:
    """Return what is kept of the body of a response, or of a call: its first bytes."""
    for name in ("body", "data"):
        text = attempt.get(name)
        if isinstance(text, str):
            encoded = attempt.get(f"{name}Encoding") == "base64"
            return base64.b64decode(text) if encoded else text.encode()
    return b""


def _first(run: Row) -> Row:
    """Return the first attempt of a run, if it is among those listed."""
    attempts = run.get("attempts") or [{}]
    found: Row = attempts[0]
    return found if found.get("number") == 1 else {}


def _lateness(run: Row) -> Json:
    return _first(run).get("latenessMs")


def _late(run: Row) -> str:
    value = _lateness(run)
    return times.milliseconds(value) if isinstance(value, int | float) else ""


def path_of(kind: str, name: str) -> str:
    """Return the path of an object, its name percent-encoded as a whole."""
    return f"/1/{kind}/{quote(name, safe='')}"
