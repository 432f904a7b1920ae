"""Run filter: the conditions of a query for the runs that a filter selects."""

from __future__ import annotations

from typing import Any

from app.domain.run import RunFilter


def restrict(account_id: int, wanted: RunFilter) -> tuple[list[str], dict[str, Any]]:
    """Return conditions on columns that `inflight` and `run` share, and their parameters.

    The query itself restricts the states, because the form of that condition decides which index
    PostgreSQL uses.
    """
    conditions, params = ["account_id = :account_id"], {"account_id": account_id}
    asked: dict[str, Any] = {
        "job_id = :job_id": wanted.job_id,
        "due_at >= :after": wanted.after,
        "due_at < :before": wanted.before,
    }
    for condition, value in asked.items():
        if value is not None:
            conditions.append(condition)
            params[condition.rpartition(":")[2]] = value
    return conditions, params
