"""Limits: how much of everything one account may have, and how it is told that it has it all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from app.domain.circuit_breaker import MAX_CONNECTIONS
from app.errors import LimitReached

MAX_AMOUNT: Final = 2**53
"""What every JSON reader takes for a whole number."""

_MIB: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """One limit: its names, its bounds, and the words in which an account is told of it."""

    name: str
    """In documents and problems; `field` and `option` follow from it."""
    setting: str
    """The environment variable that has the amount for accounts without one of their own."""
    default: int | None
    """What holds where the setting is absent; None for `off`."""
    counts: str
    """What is counted: "pending jobs"."""
    remedy: str
    """What whoever has reached it can do, besides asking for more."""
    least: int = 0
    most: int = MAX_AMOUNT
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
    """What one account may have; None where a limit is off. TABLE explains each."""

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
    counts="bytes of jobs that have not ended, and of what is kept of others",
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
    remedy="Let the job follow another one, or take a job out of the chain.",
)
KEPT_ANSWER_BYTES: Final = Limit(
    name="keptAnswerBytes",
    setting="WAKECALL_LIMIT_KEPT_ANSWERS_MIB",
    setting_unit=_MIB,
    default=256 * _MIB,
    counts="bytes of answers kept for repeats",
    remedy="Wait until answers that were kept are 24 hours old, or leave Idempotency-Key out.",
)
CONNECTIONS: Final = Limit(
    name="connections",
    setting="WAKECALL_DESTINATION_CONNECTIONS",
    default=50,
    least=1,
    most=MAX_CONNECTIONS,
    can_be_off=False,
    counts="calls to one destination under way at once",
    remedy="Nothing is refused: calls wait for their turn.",
)
REQUESTS_PER_SECOND: Final = Limit(
    name="requestsPerSecond",
    setting="WAKECALL_RATE_LIMIT",
    default=500,
    least=1,
    counts="requests a second",
    remedy="Send the request again after the seconds that Retry-After names.",
)
CONCURRENT_REQUESTS: Final = Limit(
    name="concurrentRequests",
    setting="WAKECALL_LIMIT_CONCURRENT_REQUESTS",
    default=4,
    least=1,
    counts="requests under way at once in one web process",
    remedy="Send the request again after the seconds that Retry-After names.",
)
FIRINGS_PER_SECOND: Final = Limit(
    name="firingsPerSecond",
    setting="WAKECALL_LIMIT_FIRINGS_PER_SECOND",
    default=1_000,
    least=1,
    counts="firings a second",
    remedy="Nothing is refused: what is above the limit is postponed.",
)
RUNS_UNDER_WAY: Final = Limit(
    name="runsUnderWay",
    setting="WAKECALL_LIMIT_RUNS",
    default=100_000,
    least=1,
    counts="runs under way at once",
    remedy="Wait until some of them have ended.",
)
HISTORY_BYTES: Final = Limit(
    name="historyBytes",
    setting="WAKECALL_LIMIT_HISTORY_MIB",
    setting_unit=_MIB,
    default=4096 * _MIB,
    counts="bytes of runs and attempts in history",
    remedy="Nothing is refused: above the limit, what receivers answer is not kept.",
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
)
"""All limits, in the order in which they are told."""

BY_NAME: Final[Mapping[str, Limit]] = {each.name: each for each in TABLE}

DEFAULTS: Final = Limits(**{each.field: each.default for each in TABLE})  # type: ignore[arg-type] # `connections` has a default

UNLIMITED: Final = Limits(
    **{each.field: None if each.can_be_off else each.default for each in TABLE}  # type: ignore[arg-type] # `connections` has a default
)

Overrides = Mapping[str, int | None]
"""Amounts of an account's own, by the names of the limits; None where a limit is off for it."""


def overridden(limits: Limits, overrides: Overrides) -> Limits:
    """The limits of an account; names that this release does not know change nothing."""
    known: dict[str, Any] = {
        BY_NAME[name].field: each for name, each in overrides.items() if name in BY_NAME
    }
    return replace(limits, **known) if known else limits


def amount(limits: Limits, limit: Limit) -> int | None:
    """What `limits` have for one of them; None where it is off."""
    found: int | None = getattr(limits, limit.field)
    return found


def reached(limit: Limit, *, allowed: int, used: int, asked: int = 1) -> LimitReached:
    """The refusal of a request that needs `asked` more of what is `used` already."""
    return LimitReached(
        f"This account may have {allowed} {limit.counts}; it has {used}, "
        f"and the request needs {asked} more.",
        limit=limit.name,
        allowed=allowed,
        used=used,
        remedy=f"{limit.remedy} The operator of this service can raise the limit "
        f"{limit.name}; GET /1/account shows all limits.",
    )
