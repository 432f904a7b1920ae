"""Options: a document's optional members as the domain's values, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.api.native.codecs.schema import Value
from app.domain.call_options import DEFAULT_OPTIONS, CallOptions
from app.domain.checks import quoted
from app.domain.misfire import DEFAULT, Misfire, MisfirePolicy
from app.domain.retry_policy import Backoff, RetryPolicy
from app.errors import InvalidMember


def read_call_options(
    method: str | None,
    headers: Mapping[str, str] | None,
    timeout: float | None,
    retry: Mapping[str, Any] | None,
) -> CallOptions:
    """How the job is to be called; raises InvalidMember."""
    if method is None and not headers and timeout is None and not retry:
        return DEFAULT_OPTIONS
    return CallOptions(
        method=method,
        headers=tuple((headers or {}).items()),
        timeout=timeout,
        # Without any member it says nothing, as one of which all members are null.
        retry=_retry(retry) if retry else None,
    )


def misfire(policy: str | None, window: float | None) -> Misfire:
    """What becomes of missed firings; raises InvalidMember."""
    if policy is None and window is None:
        return DEFAULT
    if policy is not None and policy not in list(MisfirePolicy):
        raise InvalidMember(
            "misfire", f"misfire is {quoted(policy)}.", remedy="Give all, one or skip."
        )
    return Misfire(policy=None if policy is None else MisfirePolicy(policy), window=window)


def of_retry(policy: RetryPolicy) -> Mapping[str, Value]:
    """The members that show a retry policy: those that were given."""
    backoff = policy.backoff
    return present(
        {
            "maxAttempts": policy.max_attempts,
            "schedule": None if policy.schedule is None else [tidy(w) for w in policy.schedule],
            "backoff": None
            if backoff is None
            else present(
                {
                    "initial": tidy(backoff.initial),
                    "factor": tidy(backoff.factor),
                    "max": tidy(backoff.max),
                }
            ),
            "maxAge": tidy(policy.max_age),
        }
    )


def tidy(number: float | None) -> Any:  # noqa: ANN401 - None stays None, a number one
    """The number without a fraction of nought."""
    return int(number) if number is not None and number == int(number) else number


def present(members: Mapping[str, Value | None]) -> dict[str, Value]:
    """The members that are there."""
    return {name: value for name, value in members.items() if value is not None}


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
            remedy="Give the first wait, in seconds.",
        )
    return Backoff(initial=given["initial"], factor=given.get("factor"), max=given.get("max"))
