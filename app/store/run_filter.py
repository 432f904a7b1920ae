"""Run filter: the conditions of a query for the runs that a filter selects."""

from __future__ import annotations

from typing import Any, Final

from app.domain.run_filter import RunFilter
from app.store.job_filter import HOST

MAX_EXAMINED: Final = 1_000
"""The most runs that one page reads in search of those that its filter selects. They take some
40 ms, however many runs the account has."""

# Scalar subqueries look up one row for each run. The planner could turn EXISTS or a join into a
# scan of all attempts or jobs.
_FIRST_LATENESS: Final = """
(SELECT a.lateness_ms FROM attempt a
 WHERE a.run_id = r.id AND a.due_at = r.due_at AND a.number = 1)
"""
_LAST_STATUS: Final = """
(SELECT CASE WHEN a.error IS NOT NULL THEN 'error' ELSE a.status / 100 || 'xx' END FROM attempt a
 WHERE a.run_id = r.id AND a.due_at = r.due_at AND a.number = r.attempts)
"""
_HOST_CALLED: Final = f"""
coalesce(
  (SELECT {HOST} FROM job j
   WHERE j.id = r.job_id AND j.account_id = :account_id AND j.version = r.job_version),
  (SELECT {HOST} FROM superseded s WHERE s.job_id = r.job_id AND s.version = r.job_version))
"""  # noqa: S608 - joined from constants


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
        "id = ANY (:ids)": None if wanted.ids is None else sorted(wanted.ids),
    }
    return _given(conditions, params, asked)


def restrict_further(wanted: RunFilter) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions on runs `r` that no index serves, and their parameters.

    Bound the rows that they judge. A parameter `account_id` is expected.
    """
    asked: dict[str, Any] = {
        "r.kind = ANY (:kinds)": None if wanted.kinds is None else sorted(wanted.kinds),
        f"{_FIRST_LATENESS} >= :min_lateness_ms": wanted.min_lateness_ms,
        f"{_LAST_STATUS} = ANY (:last_status)": None
        if wanted.last_status is None
        else sorted(wanted.last_status),
        f"{_HOST_CALLED} = :host": wanted.host,
    }
    return _given([], {}, asked)


def _given(
    conditions: list[str], params: dict[str, Any], asked: dict[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    for condition, value in asked.items():
        if value is not None:
            conditions.append(condition)
            params[condition.rpartition(":")[2].rstrip(")")] = value
    return conditions, params
