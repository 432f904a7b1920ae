"""Limits: how much one account may have of everything, and the error when it reaches a limit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from app.domain.circuit_breaker import MAX_CONNECTIONS
from app.errors import LimitReached

MAX_AMOUNT: Final = 2**53
"""The largest integer that every JSON reader reads exactly."""

_MIB: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """One limit: its names, its bounds, and the texts of its error."""

    name: str
    """The name in documents and problems; `field` and `option` are derived from it."""
    setting: str
    """The environment variable with the amount for accounts that have none of their own."""
    default: int | None
    """The amount if the setting is absent; None for `off`."""
    counts: str
    """What is counted, in the plural: "Dapr apps"."""
    remedy: str
    """What a client can do at the limit, other than ask for a higher one."""
    minimum: int = 0
    maximum: int = MAX_AMOUNT
    setting_unit: int = 1
    """What the amount in the setting is multiplied by: sizes are set in MiB."""
    can_be_off: bool = True

    @property
    def field(self) -> str:
        """The field of Limits: `storedBytes` is `stored_bytes`."""
        return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", self.name)

    @property
    def option(self) -> str:
        """The option of the command: `--stored-bytes`."""
        return f"--{self.field.replace('_', '-')}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of one account; None where a limit is off. TABLE describes each."""

    requests_per_second: int | None
    concurrent_requests: int | None
    jobs: int | None
    stored_bytes: int | None
    dapr_apps: int | None
    fusion_tasks: int | None
    followers: int | None
    kept_answer_bytes: int | None
    connections: int
    firings_per_second: int | None
    runs_under_way: int | None
    history_bytes: int | None
    keys: int | None


JOBS: Final = Limit(
    name="jobs",
    setting="WAKECALL_LIMIT_JOBS",
    default=1_000_000,
    counts="jobs that have not ended",
    remedy="Delete jobs, or wait until some have ended.",
)
STORED_BYTES: Final = Limit(
    name="storedBytes",
    setting="WAKECALL_LIMIT_STORED_MIB",
    setting_unit=_MIB,
    default=1024 * _MIB,
    counts="bytes of jobs that have not ended, and of content kept for other jobs",
    remedy="Delete jobs, wait until some have ended, or send shorter payloads.",
)
DAPR_APPS: Final = Limit(
    name="daprApps",
    setting="WAKECALL_LIMIT_DAPR_APPS",
    default=10_000,
    counts="Dapr apps",
    remedy="Delete apps that have no jobs: DELETE /1/dapr-apps/<id>.",
)
FUSION_TASKS: Final = Limit(
    name="fusionTasks",
    setting="WAKECALL_LIMIT_FUSION_TASKS",
    default=10_000,
    counts="Fusion tasks",
    remedy="Delete tasks: DELETE /api/tasks/<id>.",
)
FOLLOWERS: Final = Limit(
    name="followers",
    setting="WAKECALL_LIMIT_FOLLOWERS",
    default=1_000,
    counts="jobs that follow the same job",
    remedy="Let the job follow another job, or remove a job that follows the same one.",
)
KEPT_ANSWER_BYTES: Final = Limit(
    name="keptAnswerBytes",
    setting="WAKECALL_LIMIT_KEPT_ANSWERS_MIB",
    setting_unit=_MIB,
    default=256 * _MIB,
    counts="bytes of responses kept for repeated requests",
    remedy="Wait until kept responses are 24 hours old, or leave Idempotency-Key out.",
)
CONNECTIONS: Final = Limit(
    name="connections",
    setting="WAKECALL_DESTINATION_CONNECTIONS",
    default=50,
    minimum=1,
    maximum=MAX_CONNECTIONS,
    can_be_off=False,
    counts="calls to one destination under way at once",
    remedy="Nothing is refused: calls wait for their turn.",
)
REQUESTS_PER_SECOND: Final = Limit(
    name="requestsPerSecond",
    setting="WAKECALL_RATE_LIMIT",
    default=500,
    minimum=1,
    counts="requests a second",
    remedy="Send the request again after the number of seconds in Retry-After.",
)
CONCURRENT_REQUESTS: Final = Limit(
    name="concurrentRequests",
    setting="WAKECALL_LIMIT_CONCURRENT_REQUESTS",
    default=4,
    minimum=1,
    counts="requests under way at once in one web process",
    remedy="Send the request again after the number of seconds in Retry-After.",
)
FIRINGS_PER_SECOND: Final = Limit(
    name="firingsPerSecond",
    setting="WAKECALL_LIMIT_FIRINGS_PER_SECOND",
    default=1_000,
    minimum=1,
    counts="firings a second",
    remedy="Nothing is refused: firings above the limit are postponed.",
)
RUNS_UNDER_WAY: Final = Limit(
    name="runsUnderWay",
    setting="WAKECALL_LIMIT_RUNS",
    default=100_000,
    minimum=1,
    counts="runs under way at once",
    remedy="Wait until some of them have ended.",
)
HISTORY_BYTES: Final = Limit(
    name="historyBytes",
    setting="WAKECALL_LIMIT_HISTORY_MIB",
    setting_unit=_MIB,
    default=4096 * _MIB,
    counts="bytes of runs and attempts in history",
    remedy="Nothing is refused: above the limit, the replies of receivers are not kept.",
)
KEYS: Final = Limit(
    name="keys",
    setting="WAKECALL_LIMIT_KEYS",
    default=1_000,
    minimum=1,
    counts="valid API keys",
    remedy="Revoke keys that are no longer needed: DELETE /1/keys/<id>.",
)

TABLE: Final = (
    REQUESTS_PER_SECOND,
    CONCURRENT_REQUESTS,
    JOBS,
    STORED_BYTES,
    DAPR_APPS,
    FUSION_TASKS,
    FOLLOWERS,
    KEPT_ANSWER_BYTES,
    CONNECTIONS,
    FIRINGS_PER_SECOND,
    RUNS_UNDER_WAY,
    HISTORY_BYTES,
    KEYS,
)
"""All limits, in the order in which they are listed."""

BY_NAME: Final[Mapping[str, Limit]] = {each.name: each for each in TABLE}

DEFAULTS: Final = Limits(**{each.field: each.default for each in TABLE})  # type: ignore[arg-type] # `connections` has a default

UNLIMITED: Final = Limits(
    **{each.field: None if each.can_be_off else each.default for each in TABLE}  # type: ignore[arg-type] # `connections` has a default
)

Overrides = Mapping[str, int | None]
"""The amounts that one account has instead of the settings', by name; None for `off`."""


def overridden(limits: Limits, overrides: Overrides) -> Limits:
    """Return `limits` with the amounts of one account; names that are not in TABLE are ignored."""
    known: dict[str, Any] = {
        BY_NAME[name].field: each for name, each in overrides.items() if name in BY_NAME
    }
    return replace(limits, **known) if known else limits


def amount(limits: Limits, limit: Limit) -> int | None:
    """Return the amount of one limit; None if it is off."""
    found: int | None = getattr(limits, limit.field)
    return found


def reached(limit: Limit, *, allowed: int, used: int, asked: int = 1) -> LimitReached:
    """Return the error for a request that needs `asked` more, with `used` of `allowed` in use."""
    return LimitReached(
        f"This account may have {allowed} {limit.counts}; it has {used}, "
        f"and the request needs {asked} more.",
        limit=limit.name,
        allowed=allowed,
        used=used,
        remedy=f"{limit.remedy} The operator of this service can raise the limit "
        f"{limit.name}; GET /1/account shows all limits.",
    )
