"""Options: the members of a job for its calls, retries and missed firings, as domain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.api.native.codecs.schema import (
    NUMBER,
    WHOLE,
    Choice,
    List,
    Object,
    Value,
    without_none,
)
from app.domain.call_options import DEFAULT_OPTIONS, CallOptions
from app.domain.misfire import DEFAULT, Misfire, MisfirePolicy
from app.domain.retry_policy import Backoff, RetryPolicy
from app.errors import InvalidMember

RETRY: Final = Object(
    members={
        "maxAttempts": WHOLE,
        "schedule": List(item="wait", of=NUMBER),
        "backoff": Object(members={"initial": NUMBER, "factor": NUMBER, "max": NUMBER}),
        "maxAge": NUMBER,
    }
)
MISFIRE: Final = Choice(values=tuple(MisfirePolicy))


def to_call_options(
    method: str | None,
    headers: Mapping[str, str] | None,
    timeout: float | None,
    retry: Mapping[str, Any] | None,
) -> CallOptions:
    """The options of a job's calls; raises InvalidMember."""
    if method is None and not headers and timeout is None and not retry:
        return DEFAULT_OPTIONS
    return CallOptions(
        method=method,
        headers=tuple((headers or {}).items()),
        timeout=timeout,
        # An empty object is as good as none, as is one of which all members are null.
        retry=_retry(retry) if retry else None,
    )


def to_misfire(policy: str | None, window: float | None) -> Misfire:
    """What happens to missed firings."""
    if policy is None and window is None:
        return DEFAULT
    return Misfire(policy=None if policy is None else MisfirePolicy(policy), window=window)


def render_retry(policy: RetryPolicy) -> Mapping[str, Value]:
    """The members of a retry policy: those that were given when the job was booked."""
    backoff = policy.backoff
    return without_none(
        {
            "maxAttempts": policy.max_attempts,
            "schedule": None
            if policy.schedule is None
            else [without_zero_fraction(wait) for wait in policy.schedule],
            "backoff": None
            if backoff is None
            else without_none(
                {
                    "initial": without_zero_fraction(backoff.initial),
                    "factor": without_zero_fraction(backoff.factor),
                    "max": without_zero_fraction(backoff.max),
                }
            ),
            "maxAge": without_zero_fraction(policy.max_age),
        }
    )


def without_zero_fraction(number: float | None) -> Any:  # noqa: ANN401 - None stays None
    """The number as an int where its fraction is zero: 5, not 5.0."""
    return int(number) if number is not None and number == int(number) else number


def _retry(given: Mapping[str, Any]) -> RetryPolicy:
    schedule: Sequence[float] | None = given.get("schedule")
    backoff: Mapping[str, float] | None = given.get("backoff")
    return RetryPolicy(
        max_attempts=given.get("maxAttempts"),
        schedule=None if schedule is None else tuple(schedule),
        backoff=None if backoff is None else _backoff(backoff),
        max_age=given.get("maxAge"),
    )


def _backoff(given: Mapping[str, float]) -> Backoff:
    if "initial" not in given:
        raise InvalidMember(
            "retry.backoff.initial",
            "retry.backoff.initial is missing.",
            remedy="Give the wait before the first retry, in seconds.",
        )
    return Backoff(initial=given["initial"], factor=given.get("factor"), max=given.get("max"))
