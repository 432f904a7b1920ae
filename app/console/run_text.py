"""Run text: the texts of pages about a run, its attempts and its kind. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from app.console import times
from app.domain.run import Reply, RunKind, RunState
from app.domain.run_summary import Called, LastAttempt, RunSummary

LATE_MS: Final = 100.0
"""From which lateness on the list calls a run late."""

_MAX_REASON: Final = 60
"""Characters of a reason in a list."""

_ERRORS: Final = {
    "timeout": "timed out",
    "dns-failure": "name not found",
    "denied-address": "address not allowed",
    "connect-failed": "could not connect",
    "tls-failed": "TLS failed",
    "connection-lost": "connection lost",
    "bad-response": "unusable response",
    "too-many-headers": "too many headers",
    "invalid-request": "request cannot be sent",
    "transport-failed": "transport failed",
    "signing-failed": "could not be signed",
    "token-failed": "no token of the app",
}
"""Words for the codes of docs/decisions/0004-outbound-client.md; others are shown as they are."""

_KINDS: Final = {
    RunKind.SCHEDULED: "Its schedule",
    RunKind.MANUAL: "A manual call",
    RunKind.EVENT: "The end of the reported run",
    RunKind.CHAINED: "The end of another job's run",
}

_STATES: Final = {
    RunState.CLAIMED: "A scheduler has claimed the run. A worker takes it when it is due.",
    RunState.TAKEN: "A worker has the run. It waits for the due time or for the response.",
    RunState.WAITING: "The run is waiting to be called.",
    RunState.RUNNING: "The receiver has accepted the call and reports the result later.",
    RunState.SUCCEEDED: "The receiver answered with success.",
    RunState.FAILED: "All attempts failed, or the response excludes a retry.",
    RunState.CANCELLED: "The run was stopped before it ended.",
    RunState.DEAD: "Workers died repeatedly while they had the run. It is not called again.",
}


def outcome(status: int | None, error: str | None) -> str:
    """Return the result of an attempt, in a word or two: `204`, `timed out`."""
    if status is not None:
        return str(status)
    return _ERRORS.get(error or "", error or "")


def outcome_of(attempt: LastAttempt | None) -> str:
    """Return the result of the newest attempt; empty if there was none."""
    return "" if attempt is None else outcome(attempt.status, attempt.error)


def reply_text(reply: Reply) -> str:
    """Return the result of an attempt, with the details of an error."""
    short = outcome(reply.status, reply.error)
    return f"{short}: {reply.error_detail}" if reply.error_detail else short


def is_success(status: int | None) -> bool:
    """Whether a status is one of success."""
    return status is not None and status // 100 == 2  # noqa: PLR2004 - 2xx


def kind_text(kind: RunKind) -> str:
    """Return why a run exists."""
    return _KINDS[kind]


def state_text(state: RunState) -> str:
    """Return the meaning of a state."""
    return _STATES[state]


def job_text(run: RunSummary) -> str:
    """Return the name of a run's job, or what the run calls, or the beginning of the job's id."""
    if run.kind is RunKind.EVENT:
        return "Event"
    return run.job_name or called_text(run.called) or f"{str(run.job_id)[:8]}…"


def called_text(called: Called | None) -> str:
    """Return host and path of the URL that is called; empty if it is not kept."""
    if called is None:
        return ""
    if called.endpoint:
        return f"{called.endpoint}{called.url}"
    parts = urlsplit(called.url)
    return f"{parts.hostname or ''}{parts.path}".rstrip("/")


def result_text(run: RunSummary) -> str:
    """Return how long the newest attempt took, and how many attempts there were: `5.0 ms, 2 of 8`.

    The number of attempts that there are at most is left out if it is not known.
    """
    if run.last is None:
        return "no attempt yet" if run.is_live else "no attempt"
    most = "" if run.called is None else f" of {max(run.called.max_attempts, run.attempts)}"
    return f"{times.milliseconds(run.last.total_ms)}, {run.attempts}{most}"


def reason_text(run: RunSummary) -> str:
    """Return why a run waits or ended, unless its result shows it; cut to a line."""
    has_status = run.last is not None and run.last.status is not None
    if run.reason is None or (run.state is RunState.FAILED and has_status):
        return ""
    return run.reason if len(run.reason) <= _MAX_REASON else f"{run.reason[:_MAX_REASON]}…"
