"""Run list: pages of an account's runs, live and settled in one list, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from app.domain.run import LIVE, SETTLED, Position, RunFilter
from app.store import history
from app.store.run_filter import restrict

# A run that was attempted or given back may wait for hours, and is in the index `inflight_delayed`.
# Any other run is checked within three seconds of its time, or a minute after a check that could
# not act. So these few are found by `look_at`, and a claim does not maintain another index.
# `planned_at` marks a run that was given back: with `destination` in its place, the planner would
# use the index for unpark as well.
_DELAYED: Final = "(attempts > 0 OR planned_at IS NOT NULL)"
_PROMPT: Final = "attempts = 0 AND planned_at IS NULL AND look_at < now() + interval '2 minutes'"


def page(
    connection: Connection,
    account_id: int,
    wanted: RunFilter,
    *,
    after: Position | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return up to `limit` runs that match the filter, newest first, from those after `after`.

    They are rows, which `history.runs_of` converts to runs with their attempts.
    """
    conditions, params = restrict(account_id, wanted)
    conditions.append("state = ANY (CAST(:states AS text[]))")
    params |= {"states": sorted(wanted.states), "limit": limit}
    if after is not None:
        # The second condition implies the first, but only the first limits the partitions to read.
        conditions.append("due_at <= :place_due AND (due_at, id) < (:place_due, :place_id)")
        params |= {"place_due": after.due_at, "place_id": after.id}
    order = "ORDER BY due_at DESC, id DESC LIMIT :limit"
    parts = [
        f"({source} WHERE {' AND '.join([*conditions, *further])} {order})"
        for source, further in _sources(wanted)
    ]
    query = f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS runs {order}"  # noqa: S608 - joined from constants of this module
    return connection.execute(text(query), params).all()


def _sources(wanted: RunFilter) -> Iterator[tuple[str, list[str]]]:
    """Yield the queries to merge, with their conditions: each reads one index in list order."""
    if wanted.states & LIVE:
        if wanted.job_id is not None:
            yield history.LIVE_ROWS, []
        else:
            yield history.LIVE_ROWS, [_DELAYED]
            yield history.LIVE_ROWS, [_PROMPT]
    settled = wanted.states & SETTLED
    if settled and wanted.job_id is not None:
        yield history.SETTLED_ROWS, []
        return
    # One query for each state, so that runs in a rare state are not searched among all others. The
    # state is a literal, so that the partial indexes apply.
    for state in sorted(settled):
        yield history.SETTLED_ROWS, [f"state = '{state}'"]
