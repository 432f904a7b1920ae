"""Retry policy: how often a run is attempted, how long the waits are, and when the run fails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.domain.checks import check_between
from app.errors import InvalidMember

MAX_ATTEMPTS: Final = 20
MIN_WAIT: Final = 1.0
MAX_WAIT: Final = 86_400.0
MAX_AGE: Final = 604_800.0
"""Seconds, as all times here. A run ends a week after its due time, whatever its policy."""

MAX_FACTOR: Final = 10.0
MAX_CALLS: Final = 30_000
"""Calls of one run, whatever its policy: `attempts` is a smallint. They would take years."""

MIN_PAUSE: Final = 0.2
MAX_PAUSE: Final = 3600.0
MIN_PAUSE_AFTER_HUNDRED: Final = 60.0
"""Seconds between two attempts after the first hundred: each attempt is a row of history."""

_CALLS_PER_PACE: Final = 100
"""Calls after which the pause between calls changes."""
_MAX_DELAY: Final = 100 * 365 * 86_400.0
_DEFAULT_FACTOR: Final = 2.0
DEFAULT_WAITS: Final = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """Waits that grow: `initial` seconds, each `factor` times the one before, `max` at most."""

    initial: float
    factor: float | None = None
    max: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """The retry members of a native job; None for a member that has its default."""

    max_attempts: int | None = None
    schedule: tuple[float, ...] | None = None
    """The waits in seconds; the last one is repeated. Without `schedule` and `backoff`, they are
    DEFAULT_WAITS."""
    backoff: Backoff | None = None
    max_age: float | None = None
    """Seconds from the due time after which no further attempt begins."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Dapr's failure policies: retries `interval` seconds apart (0 or more) from the due time.

    After the first call, there are `max_retries` retries; None means without end, up to MAX_CALLS.
    Dapr's default is Constant(1, 3), and its policy `drop` is Constant(0, 0).
    """

    interval: float
    max_retries: int | None = None


Policy = RetryPolicy | Constant
DEFAULT: Final = RetryPolicy()


def most_attempts(policy: Policy) -> int:
    """Return the maximum number of attempts; without a number, one more than there are waits."""
    if isinstance(policy, Constant):
        return MAX_CALLS if policy.max_retries is None else min(policy.max_retries + 1, MAX_CALLS)
    if policy.max_attempts is not None:
        return policy.max_attempts
    return len(policy.schedule or DEFAULT_WAITS) + 1


def wait_after(policy: RetryPolicy, attempts_made: int) -> timedelta:
    """Return the wait after this many attempts (1, 2, …), without jitter."""
    backoff = policy.backoff
    if backoff is None:
        waits = policy.schedule or DEFAULT_WAITS
        return timedelta(seconds=waits[min(attempts_made, len(waits)) - 1])
    factor = _DEFAULT_FACTOR if backoff.factor is None else backoff.factor
    longest = MAX_WAIT if backoff.max is None else backoff.max
    return timedelta(seconds=min(backoff.initial * factor ** (attempts_made - 1), longest))


def since_due(policy: Constant, attempts_made: int) -> timedelta:
    """Return how long after the due time the retry after this many attempts (1, 2, …) is due."""
    return timedelta(seconds=min(attempts_made * policy.interval, _MAX_DELAY))


def pause_after(policy: Constant, attempts_made: int) -> timedelta:
    """Return the shortest pause before the next call under `Constant`, whose interval may be 0.

    During the first hundred calls it is 0 if the number of retries is limited, else MIN_PAUSE.
    After that it is a minute, and doubles with every further hundred calls, up to an hour.
    """
    hundreds = min(attempts_made // _CALLS_PER_PACE, 32)
    if hundreds == 0:
        return timedelta(seconds=MIN_PAUSE if policy.max_retries is None else 0)
    return timedelta(seconds=min(MIN_PAUSE_AFTER_HUNDRED * 2 ** (hundreds - 1), MAX_PAUSE))


def check_retry(policy: RetryPolicy) -> None:
    """Check the bounds of a policy; raises InvalidMember, as for `retry.maxAttempts`."""
    if policy == DEFAULT:
        raise InvalidMember(
            "retry",
            "retry is empty.",
            remedy="Give maxAttempts, schedule or backoff, maxAge, or leave retry out.",
        )
    if policy.schedule is not None and policy.backoff is not None:
        raise InvalidMember(
            "retry.backoff", "retry has both schedule and backoff.", remedy="Give one of the two."
        )
    if policy.max_attempts is not None:
        check_between("retry.maxAttempts", policy.max_attempts, 1, MAX_ATTEMPTS)
    if policy.max_age is not None:
        check_between("retry.maxAge", policy.max_age, MIN_WAIT, MAX_AGE, "seconds")
    _check_schedule(policy.schedule)
    _check_backoff(policy.backoff)
    _check_sum(policy)


def _check_schedule(schedule: tuple[float, ...] | None) -> None:
    if schedule is None:
        return
    if not 1 <= len(schedule) < MAX_ATTEMPTS:
        raise InvalidMember(
            "retry.schedule",
            f"retry.schedule has {len(schedule)} waits.",
            remedy=f"Give 1 to {MAX_ATTEMPTS - 1} waits; or none, and 1 as maxAttempts.",
        )
    for number, wait in enumerate(schedule):
        check_between(f"retry.schedule[{number}]", wait, MIN_WAIT, MAX_WAIT, "seconds")


def _check_backoff(backoff: Backoff | None) -> None:
    if backoff is None:
        return
    check_between("retry.backoff.initial", backoff.initial, MIN_WAIT, MAX_WAIT, "seconds")
    if backoff.factor is not None:
        check_between("retry.backoff.factor", backoff.factor, 1, MAX_FACTOR)
    if backoff.max is not None:
        check_between("retry.backoff.max", backoff.max, backoff.initial, MAX_WAIT, "seconds")


def _check_sum(policy: RetryPolicy) -> None:
    """Check that, without maxAge, the waits add up to at most MAX_AGE."""
    if policy.max_age is not None:
        return
    waits = (wait_after(policy, made) for made in range(1, most_attempts(policy)))
    total = sum(waits, timedelta()).total_seconds()
    if total > MAX_AGE:
        raise InvalidMember(
            "retry",
            f"The waits of retry add up to {total:.0f} seconds.",
            remedy=f"Use waits that add up to at most {MAX_AGE:.0f} seconds, or give maxAge.",
        )
