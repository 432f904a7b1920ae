"""Run filter: which runs of an account are meant, as the conditions of a query."""

from __future__ import annotations

from typing import Any

from app.domain.run import RunFilter


def restrict(account_id: int, wanted: RunFilter) -> tuple[list[str], dict[str, Any]]:
    """Conditions on the columns that live and settled runs share, and their parameters.

    The states are left to the query: which index serves it depends on how they are asked for.
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
