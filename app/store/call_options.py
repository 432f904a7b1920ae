"""Call options: their form in the column `manner` of jobs; NULL means the default options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.domain.call_options import DEFAULT_OPTIONS, CallOptions
from app.domain.retry_policy import Backoff, Constant, Policy, RetryPolicy

_MEMBERS: Final = frozenset({"method", "headers", "timeout", "retry"})
_RETRY_MEMBERS: Final = frozenset({"constant", "max_attempts", "schedule", "backoff", "max_age"})


def to_document(options: CallOptions) -> dict[str, Any] | None:
    """Return the form in which call options are stored; `from_document` reads it."""
    if options == DEFAULT_OPTIONS:
        return None
    return _present(
        {
            "method": options.method,
            # An object of JSONB would not keep their order.
            "headers": [list(header) for header in options.headers] or None,
            "timeout": options.timeout,
            "retry": None if options.retry is None else _of_retry(options.retry),
        }
    )


def from_document(document: Mapping[str, Any] | None) -> CallOptions:
    """Return the call options stored as `document`."""
    if document is None:
        return DEFAULT_OPTIONS
    retry = document.get("retry")
    return CallOptions(
        method=document.get("method"),
        headers=tuple((name, value) for name, value in document.get("headers", ())),
        timeout=document.get("timeout"),
        retry=None if retry is None else _retry(retry),
    )


def exactly(document: Mapping[str, Any]) -> CallOptions:
    """Return the call options stored as `document`, if this release knows all of them.

    Raises an exception otherwise: a newer release may have stored what a call must not lack.
    """
    unknown = (document.keys() - _MEMBERS) | ((document.get("retry") or {}).keys() - _RETRY_MEMBERS)
    if unknown:
        raise ValueError(f"unknown call options: {', '.join(sorted(unknown))}")
    return from_document(document)


def _of_retry(policy: Policy) -> dict[str, Any]:
    if isinstance(policy, Constant):
        return {"constant": {"interval": policy.interval, "max_retries": policy.max_retries}}
    backoff = policy.backoff
    return _present(
        {
            "max_attempts": policy.max_attempts,
            "schedule": None if policy.schedule is None else list(policy.schedule),
            "backoff": None
            if backoff is None
            else _present(
                {"initial": backoff.initial, "factor": backoff.factor, "max": backoff.max}
            ),
            "max_age": policy.max_age,
        }
    )


def _retry(document: Mapping[str, Any]) -> Policy:
    if "constant" in document:
        return Constant(**document["constant"])
    schedule, backoff = document.get("schedule"), document.get("backoff")
    return RetryPolicy(
        max_attempts=document.get("max_attempts"),
        schedule=None if schedule is None else tuple(schedule),
        backoff=None if backoff is None else Backoff(**backoff),
        max_age=document.get("max_age"),
    )


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
