"""Pages: an account's runs, live and settled in one list, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from app.domain.run import LIVE, SETTLED, Position, RunFilter
from app.store import history
from app.store.run_filter import restrict

# A run that was attempted or given back waits for hours perhaps, and has an index of its own. Any
# other is looked at within three seconds of its time, or a minute after it could not be acted upon:
# so the few of these are found by the time to look, and a claim pays for no further index. What was
# given back is told by `planned_at`: by `destination`, the index would seem to serve unpark.
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
    """Up to `limit` runs that the filter means, the newest first, from `after` on.

    As rows, of which history.runs_of makes runs with their attempts.
    """
    conditions, params = restrict(account_id, wanted)
    conditions.append("state = ANY (CAST(:states AS text[]))")
    params |= {"states": sorted(wanted.states), "limit": limit}
    if after is not None:
        # The first condition is the second's: it alone names the partitions to look into.
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
    """Where such runs are found: each part walks one index in the order of the list."""
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
    # State by state, so that one that is rare is not looked for among those that are not; written
    # out, so that the partial indexes serve.
    for state in sorted(settled):
        yield history.SETTLED_ROWS, [f"state = '{state}'"]
