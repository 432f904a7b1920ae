"""Retry: whether a run ends after an attempt, and when the next attempt begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from app.domain.grpc_status import ANSWERS
from app.domain.grpc_status import NOT_FOUND as GRPC_NOT_FOUND
from app.domain.retry_policy import (
    DEFAULT,
    Constant,
    Policy,
    most_attempts,
    pause_after,
    since_due,
    wait_after,
)
from app.domain.run import Reply

MAX_RETRY_AFTER: Final = timedelta(hours=24)
"""The longest wait that a receiver can ask for; a longer Retry-After counts as this."""

JITTER: Final = 0.1
"""A wait is lengthened by up to this fraction, and never shortened."""

_SUCCESS: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_NOT_FOUND: Final = 404
_GONE: Final = 410
_GONE_WITH_JOB: Final = "The receiver answered 410 (Gone), which ends the job."
_DIGITS: Final = 9
"""Digits of a Retry-After that are read: more than 30 years, and within the range of timedelta."""
_TOO_MANY: Final = 429
_SLOW_DOWN: Final = frozenset({_TOO_MANY, 503})
MIN_SLOW_DOWN: Final = timedelta(seconds=1)
"""The least wait of a job whose app answers 429 without Retry-After."""
_UNCONNECTED: Final = frozenset({"connect-failed", "dns-failure", "denied-address"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """No further attempt will be made; `gone` (a 410) ends the job as well."""

    reason: str
    gone: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryAt:
    """A further attempt is due at `instant`, never sooner."""

    instant: datetime
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreached:
    """The call did not reach the app: it counts as no attempt, and the run waits for the app."""

    reason: str


Ensuing = Failed | RetryAt
Verdict = Failed | RetryAt | Unreached


def is_success(reply: Reply, policy: Policy = DEFAULT) -> bool:
    """Return whether the run is done: the receiver answered 2xx.

    Under `Constant` a 404 is as good, and so is NOT_FOUND of a gRPC app, whose OK is a 200.
    """
    if reply.status in _SUCCESS:
        return True
    not_found = reply.status == _NOT_FOUND or reply.error == GRPC_NOT_FOUND
    return not_found and isinstance(policy, Constant)


def is_unreached(reply: Reply) -> bool:
    """Return whether no connection was made, so that the receiver did not notice the call."""
    return reply.error in _UNCONNECTED or (reply.error == "timeout" and not reply.connected)


def decide(
    reply: Reply,
    *,
    attempts_made: int,
    due_at: datetime,
    now: datetime,
    jitter: float,
    policy: Policy = DEFAULT,
) -> Verdict:
    """Return what follows from a reply that is not a success.

    `attempts_made` counts this attempt (1, 2, …); `jitter` is a random number in [0, 1).
    A 410 ends the run and its job. After any other reply, the run is attempted again until the
    policy's attempts are used up, or its max_age has passed since `due_at`. A Retry-After on a 429
    or 503 (RFC 9110, 10.2.3) can delay the next attempt, by at most 24 hours, and never makes it
    earlier. Under `Constant` (Dapr), a 410 does not end the job, a 429 without Retry-After delays
    the next attempt too (`job_pause`), and a call that did not reach the receiver uses no attempt.
    """
    asked = _asked(reply, now)
    at_least = asked
    if isinstance(policy, Constant):
        if is_unreached(reply):
            return Unreached(reason=describe_reply(reply))
        at_least = job_pause(reply, now)
    elif reply.status == _GONE:
        return Failed(reason=_GONE_WITH_JOB, gone=True)
    return again(
        describe_reply(reply, asked),
        attempts_made=attempts_made,
        due_at=due_at,
        now=now,
        jitter=jitter,
        policy=policy,
        at_least=at_least,
    )


def job_pause(reply: Reply, now: datetime) -> timedelta:
    """Return how long the next call of the same job has to wait after this reply; zero if not.

    It is the Retry-After of a 429 or 503, and MIN_SLOW_DOWN after a 429 without one.
    """
    asked = _asked(reply, now)
    return asked or (MIN_SLOW_DOWN if reply.status == _TOO_MANY else asked)


def _asked(reply: Reply, now: datetime) -> timedelta:
    return retry_after(reply, now) if reply.status in _SLOW_DOWN else timedelta()


def again(
    reason: str,
    *,
    attempts_made: int,
    due_at: datetime,
    now: datetime,
    jitter: float,
    policy: Policy = DEFAULT,
    at_least: timedelta = timedelta(),
) -> Ensuing:
    """Return what the policy alone makes of an attempt that failed for this reason.

    The arguments are those of `decide`; `at_least` is the shortest wait. Under `Constant`, retry n
    is due n intervals after `due_at`, without jitter, but not sooner than `pause_after` allows.
    """
    if attempts_made >= most_attempts(policy):
        made = "The only attempt is" if attempts_made == 1 else f"All {attempts_made} attempts are"
        return Failed(reason=f"{reason} {made} used up.")
    if isinstance(policy, Constant):
        planned = due_at + since_due(policy, attempts_made)
        pause = max(pause_after(policy, attempts_made), at_least)
        return RetryAt(instant=max(planned, now + pause), reason=reason)
    wait = max(wait_after(policy, attempts_made), at_least)
    instant = now + wait * (1 + JITTER * jitter)
    over = too_old(policy, due_at=due_at, now=instant)
    if over is not None:
        return Failed(reason=f"{reason} {over}")
    return RetryAt(instant=instant, reason=reason)


def too_old(policy: Policy, *, due_at: datetime, now: datetime) -> str | None:
    """Return why no retry of a run due at `due_at` may begin at `now`; None if one may."""
    age = None if isinstance(policy, Constant) else policy.max_age
    if age is None or now <= due_at + timedelta(seconds=age):
        return None
    return f"Its maxAge of {age:.15g} s leaves no time for another attempt."


def describe_reply(reply: Reply, asked: timedelta = timedelta()) -> str:
    """Return a reply that is not a success in words; `asked` is the wait that it asked for."""
    if reply.error in ANSWERS:
        # It ends with what the app says, with or without a full stop.
        return f"{(reply.error_detail or '').rstrip('.')}."
    if reply.status is None:
        return f"{reply.error}: {reply.error_detail}"
    if reply.status in _REDIRECT:
        return f"The receiver answered {reply.status}; redirects are not followed."
    if asked:
        more = " or more" if asked >= MAX_RETRY_AFTER else ""
        wait = f"{asked.total_seconds():.0f} s{more}"
        return f"The receiver answered {reply.status} and asked for a wait of {wait}."
    return f"The receiver answered {reply.status}."


def retry_after(reply: Reply, now: datetime) -> timedelta:
    """Return the wait that a Retry-After asks for (RFC 9110, 10.2.3), at most MAX_RETRY_AFTER.

    It is zero if the header is absent, malformed or in the past.
    """
    text = next((value for name, value in reply.headers if name.lower() == "retry-after"), "")
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:_DIGITS])), MAX_RETRY_AFTER)
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return timedelta()
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return min(max(instant - now, timedelta()), MAX_RETRY_AFTER)
