"""Run list: pages of an account's runs, live and settled in one list, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from app.domain.run import LIVE, SETTLED, Position
from app.domain.run_filter import RunFilter
from app.store import history
from app.store.run_filter import MAX_EXAMINED, restrict, restrict_further

# A run that was attempted or given back may wait for hours, and is in the index `inflight_delayed`.
# Any other run is checked within three seconds of its time, or a minute after a check that could
# not act. So these few are found by `look_at`, and a claim does not maintain another index.
# `planned_at` marks a run that was given back: with `destination` in its place, the planner would
# use the index for unpark as well.
_DELAYED: Final = "(attempts > 0 OR planned_at IS NOT NULL)"
_PROMPT: Final = "attempts = 0 AND planned_at IS NULL AND look_at < now() + interval '2 minutes'"
# Of a suspended account, a run without an attempt is not checked before the account is resumed.
_SUSPENDED: Final = (
    "attempts = 0 AND planned_at IS NULL AND look_at = CAST('infinity' AS timestamptz)"
)

_NEAR: Final = timedelta(days=2)
"""Runs due so near to the beginning of a page are read first, because most pages hold only these.
PostgreSQL plans a query of all days, which are partitions, for 20 to 50 ms."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Runs, newest first, and the position where to continue if these do not fill the page."""

    rows: Sequence[Row[Any]]
    """`history.runs_of` converts them to runs with their attempts."""
    resume_at: Position | None
    """None if no further runs are left to be examined."""


def page(
    connection: Connection,
    account_id: int,
    wanted: RunFilter,
    *,
    after: Position | None,
    limit: int,
    towards_newer: bool = False,
) -> Found:
    """Return up to `limit` runs that match the filter, those that follow `after` in the list.

    With `towards_newer` they are those that precede it. At most MAX_EXAMINED runs are examined if
    no index serves the filter.
    """
    near = None
    # A cursor or a filter may name an instant at the end of the calendar.
    with suppress(OverflowError):
        near = _near(wanted, after, towards_newer=towards_newer)
    if near is not None:
        found = _page(
            connection, account_id, near, after=after, limit=limit, towards_newer=towards_newer
        )
        # What is further away comes later in the list.
        if len(found.rows) == limit or found.resume_at is not None:
            return found
    return _page(
        connection, account_id, wanted, after=after, limit=limit, towards_newer=towards_newer
    )


def _near(wanted: RunFilter, after: Position | None, *, towards_newer: bool) -> RunFilter | None:
    """Return the filter for runs due near the beginning of the page; None if that saves nothing.

    The machine's clock may be wrong: then the runs of all days are read as well.
    """
    if wanted.job_id is not None or not wanted.states & SETTLED:
        return None
    if towards_newer:
        if after is None:
            return None
        before = after.due_at + _NEAR
        is_wider = wanted.before is None or wanted.before > before
        return replace(wanted, before=before) if is_wider else None
    begins = after.due_at if after is not None else datetime.now(UTC)
    if wanted.before is not None:
        begins = min(begins, wanted.before)
    since = begins - _NEAR
    return replace(wanted, after=since) if wanted.after is None or wanted.after < since else None


def _page(
    connection: Connection,
    account_id: int,
    wanted: RunFilter,
    *,
    after: Position | None,
    limit: int,
    towards_newer: bool,
) -> Found:
    conditions, params = restrict(account_id, wanted)
    further, more_params = restrict_further(wanted)
    in_state = "state = ANY (CAST(:states AS text[]))"
    if wanted.job_id is None or wanted.states >= SETTLED:
        conditions.append(in_state)
    else:
        # The index of a job's runs does not know their states.
        further.append(in_state)
    examined = MAX_EXAMINED if further else limit
    params |= {"states": sorted(wanted.states), "limit": limit, "examined": examined, **more_params}
    if after is not None:
        # The second condition implies the first, but only the first limits the partitions to read.
        sign = ">" if towards_newer else "<"
        conditions.append(
            f"due_at {sign}= :place_due AND (due_at, id) {sign} (:place_due, :place_id)"
        )
        params |= {"place_due": after.due_at, "place_id": after.id}
    direction = "ASC" if towards_newer else "DESC"
    order = f"ORDER BY due_at {direction}, id {direction}"
    parts = [
        f"({source} WHERE {' AND '.join([*conditions, *each])} {order} LIMIT :examined)"
        for source, each in _sources(wanted)
    ]
    among = f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS runs {order}"  # noqa: S608 - joined from constants
    selected = f"WHERE {' AND '.join(further)}" if further else ""
    query = f"SELECT * FROM ({among} LIMIT :examined) AS r {selected} {order} LIMIT :limit"  # noqa: S608 - as above
    rows = connection.execute(text(query), params).all()
    resume_at = None
    if further and len(rows) < limit:
        last = f"SELECT due_at, id FROM ({among} LIMIT :examined) AS r OFFSET :examined - 1"  # noqa: S608 - as above
        met = connection.execute(text(last), params).one_or_none()
        resume_at = None if met is None else Position(due_at=met.due_at, id=met.id)
    return Found(rows=rows[::-1] if towards_newer else rows, resume_at=resume_at)


def _sources(wanted: RunFilter) -> Iterator[tuple[str, list[str]]]:
    """Yield the queries to merge, with their conditions: each reads one index in list order."""
    if wanted.states & LIVE:
        if wanted.job_id is not None:
            yield history.LIVE_ROWS, []
        else:
            yield history.LIVE_ROWS, [_DELAYED]
            yield history.LIVE_ROWS, [_PROMPT]
            yield history.LIVE_ROWS, [_SUSPENDED]
    settled = wanted.states & SETTLED
    if settled and wanted.job_id is not None:
        yield history.SETTLED_ROWS, []
        return
    # One query for each state, so that runs in a rare state are not searched among all others. The
    # state is a literal, so that the partial indexes apply.
    for state in sorted(settled):
        yield history.SETTLED_ROWS, [f"state = '{state}'"]
