"""Filters: which jobs and runs a list selects, as keyword arguments. None counts as absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict

from wakecall._core.requests import Parameter, instant
from wakecall.models import Dialect, Job, Kind, LastStatus, RunKind, RunState, Sort


class JobFilters(TypedDict, total=False):
    """The jobs that a list selects: those that match all of these."""

    tags: Sequence[str]
    """Jobs that have all these tags."""

    name_prefix: str | None
    dialect: Dialect | None
    endpoint: str | None
    """Jobs that call this Dapr app or Fusion runner."""

    host: str | None
    """Jobs whose URL has this host, whatever the port."""

    kind: Kind | None


class ListedJobs(JobFilters, total=False):
    """The jobs that a list of jobs selects, and their order."""

    sort: Sort | None
    enabled: bool | None
    """False for paused jobs only, True for all others."""

    failing: bool | None
    """True for jobs of which a run failed or died and none has succeeded since."""


class RunFilters(TypedDict, total=False):
    """The runs that a list or a redelivery selects: those that match all of these."""

    state: RunState | Sequence[RunState] | None
    job: str | Job | None
    after: datetime | str | None
    """Runs that were due then or later."""

    before: datetime | str | None
    """Runs that were due earlier."""

    kind: RunKind | Sequence[RunKind] | None
    last_status: LastStatus | Sequence[LastStatus] | None
    min_lateness: timedelta | None
    """Runs whose first attempt began at least so late."""

    host: str | None


def job_parameters(filters: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters of a list of jobs or firings."""
    given = dict(filters)
    tags = given.pop("tags", ())
    # A list without the filter has the jobs that are not failing as well: there is no `false`.
    failing = given.pop("failing", None) or None
    return {"tag": tags, "failing": failing, **given}


def run_members(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The filter of runs by its names on the wire, as a redelivery document has it."""
    job = filters.get("job")
    lateness: timedelta | None = filters.get("min_lateness")
    members = {
        "state": _one_or_many(filters.get("state")),
        "job": job.id if isinstance(job, Job) else job,
        "after": _instant(filters.get("after")),
        "before": _instant(filters.get("before")),
        "kind": _one_or_many(filters.get("kind")),
        "lastStatus": _one_or_many(filters.get("last_status")),
        "minLatenessMs": None if lateness is None else lateness.total_seconds() * 1000,
        "host": filters.get("host"),
    }
    return {name: value for name, value in members.items() if value is not None}


def _instant(given: datetime | str | None) -> str | None:
    return None if given is None else instant(given)


def _one_or_many(given: str | Sequence[str] | None) -> str | list[str] | None:
    return given if given is None or isinstance(given, str) else list(given)
