"""Pages: an account's runs, live and settled in one list, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, text

from app.domain.run import LIVE, SETTLED, Place, Run, RunFilter
from app.store import history

# A run that was attempted waits for hours perhaps, and has an index of its own. One that was not is
# looked at within three seconds of its time, or a minute after it could not be acted upon: so the
# few of these are found by the time to look, and a claim pays for no further index.
_UNTRIED: Final = "attempts = 0 AND look_at < now() + interval '2 minutes'"
_TRIED: Final = "attempts > 0"


def page(
    connection: Connection,
    account_id: int,
    wanted: RunFilter,
    *,
    after: Place | None,
    limit: int,
) -> list[Run]:
    """Up to `limit` runs that the filter means, the newest first, from `after` on."""
    params: dict[str, Any] = {
        "account_id": account_id,
        "states": sorted(wanted.states),
        "limit": limit,
    }
    conditions = ["account_id = :account_id", "state = ANY (CAST(:states AS text[]))"]
    if wanted.job_id is not None:
        conditions.append("job_id = :job_id")
        params["job_id"] = wanted.job_id
    if wanted.after is not None:
        conditions.append("due_at >= :after")
        params["after"] = wanted.after
    if wanted.before is not None:
        conditions.append("due_at < :before")
        params["before"] = wanted.before
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
    return list(history.told(connection, connection.execute(text(query), params).all()))


def _sources(wanted: RunFilter) -> Iterator[tuple[str, list[str]]]:
    """Where such runs are found: each part walks one index in the order of the list."""
    if wanted.states & LIVE:
        if wanted.job_id is not None:
            yield history.LIVE_ROWS, []
        else:
            yield history.LIVE_ROWS, [_TRIED]
            yield history.LIVE_ROWS, [_UNTRIED]
    settled = wanted.states & SETTLED
    if settled and wanted.job_id is not None:
        yield history.SETTLED_ROWS, []
        return
    # State by state, so that one that is rare is not looked for among those that are not; written
    # out, so that the partial indexes serve.
    for state in sorted(settled):
        yield history.SETTLED_ROWS, [f"state = '{state}'"]
