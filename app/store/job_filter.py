"""Job filter: which jobs are selected, as conditions on the columns of `job`."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, text

from app.domain.job_filter import JobFilter, JobKind

MAX_EXAMINED: Final = 2_000
"""The most jobs that one page reads in search of those that its filter selects. They take some
20 ms, however many jobs the account has."""

# The host of a URL, with the brackets of an IPv6 address; NULL for the path below an endpoint.
HOST: Final = r"lower(substring(url from '^[A-Za-z]+://(\[[^]]*\]|[^/?#:]*)'))"

# The triggers of a Fusion job are in a list. A schedule of Dapr is an interval or an expression.
_KINDS: Final = {
    JobKind.ONCE: "trigger ->> 'kind' = 'at'",
    JobKind.CRON: "(trigger ->> 'kind' = 'cron' OR trigger @? '$.triggers[*].cron' "
    "OR NOT starts_with(trigger ->> 'schedule', '@every '))",
    JobKind.INTERVAL: "(starts_with(trigger ->> 'schedule', '@every ') "
    "OR trigger @? '$.triggers[*].every')",
    JobKind.CHAINED: "EXISTS (SELECT FROM follow WHERE follow.job_id = job.id)",
}


def in_index_order(connection: Connection) -> None:
    """Make the queries of this transaction read an index in the order that they ask for.

    PostgreSQL may otherwise expect to be faster if it reads and sorts all jobs of the account.
    """
    connection.execute(text("SET LOCAL enable_sort = off"))


def restrict(wanted: JobFilter) -> tuple[list[str], dict[str, Any]]:
    """Return conditions and their parameters. No index serves them: bound the rows they judge.

    `failing` is not among them.
    """
    conditions: list[str] = [] if wanted.kind is None else [_KINDS[wanted.kind]]
    params: dict[str, Any] = {}
    asked: dict[str, Any] = {
        "tags @> CAST(:tags AS text[])": list(wanted.tags) or None,
        "starts_with(name, :name_prefix)": wanted.name_prefix,
        "dialect = :dialect": wanted.dialect,
        "endpoint = :endpoint": wanted.endpoint,
        f"{HOST} = :host": wanted.host,
        "enabled = :enabled": wanted.enabled,
    }
    names = ("tags", "name_prefix", "dialect", "endpoint", "host", "enabled")
    for name, (condition, value) in zip(names, asked.items(), strict=True):
        if value is not None:
            conditions.append(condition)
            params[name] = value
    return conditions, params
