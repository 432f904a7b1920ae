"""Upcoming firings: pages of an account's next firings, by the time at which they are expected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from app.domain.firing_rate import Bound
from app.domain.job import Dialect
from app.domain.job_filter import JobFilter
from app.domain.trigger import from_document
from app.domain.upcoming import Expected, Upcoming
from app.store.job_filter import MAX_EXAMINED, in_index_order, restrict

_ROWS: Final = 64
"""Rows fetched at once: a row may have 16 KiB, and most have 300 bytes."""

_AT: Final = "coalesce(next_at, held_at)"
_ORDER: Final = f"ORDER BY {_AT}, job_id"

_LAST_EXAMINED: Final = f"""
SELECT {_AT} AS at, job_id FROM due WHERE {{conditions}} {_ORDER} OFFSET :examined - 1 LIMIT 1
"""  # noqa: S608 - joined from constants of this module

# OFFSET 0 makes PostgreSQL look each job up by its id. It may otherwise decide to read all jobs of
# all accounts, if it expects that few of the rows are selected.
_PAGE: Final = f"""
SELECT d.*, j.* FROM (
  SELECT {_AT} AS at, job_id, next_at IS NULL AS blocked, recurring, remaining,
         CASE WHEN {_AT} = owed_till THEN owed_at END AS owed_at, owed_for
  FROM due WHERE {{conditions}} {_ORDER} LIMIT :examined) d
CROSS JOIN LATERAL (
  SELECT name, tags, dialect, url, endpoint,
         CASE WHEN dialect <> 'fusion' THEN trigger END AS trigger
  FROM job WHERE id = d.job_id AND account_id = :account_id {{selected}} OFFSET 0) j
ORDER BY d.at, d.job_id LIMIT :limit
"""  # noqa: S608 - as above


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Firings in order, and the position after which to continue if these do not fill the page."""

    firings: Iterator[Upcoming]
    resume_after: Expected | None
    """None if no further jobs are left to be examined."""


@contextmanager
def page(
    connection: Connection,
    account_id: int,
    wanted: JobFilter,
    *,
    until: datetime | None,
    after: Expected | None,
    limit: int,
) -> Iterator[Found]:
    """Find up to `limit` next firings expected before `until`, from those after `after`.

    At most MAX_EXAMINED jobs are examined. Rows are fetched as the caller consumes them.
    """
    conditions = ["account_id = :account_id", f"{_AT} IS NOT NULL"]
    selected, further = restrict(wanted)
    examined = MAX_EXAMINED if selected else limit
    params: dict[str, Any] = {"account_id": account_id, "examined": examined, "limit": limit}
    if until is not None:
        conditions.append(f"{_AT} < :until")
        params["until"] = until
    if after is not None:
        conditions.append(f"({_AT}, job_id) > (:after_at, :after_id)")
        params |= {"after_at": after.at, "after_id": after.job_id}
    among = " AND ".join(conditions)
    in_index_order(connection)
    resume_after = None
    if selected:
        last = connection.execute(
            text(_LAST_EXAMINED.format(conditions=among)), params
        ).one_or_none()
        resume_after = None if last is None else Expected(at=last.at, job_id=last.job_id)
    query = _PAGE.format(conditions=among, selected="".join(f" AND {each}" for each in selected))
    with connection.execute(
        text(query), {**params, **further}, execution_options={"yield_per": _ROWS}
    ) as rows:
        yield Found(firings=map(_upcoming, rows), resume_after=resume_after)


def _upcoming(row: Row[Any]) -> Upcoming:
    return Upcoming(
        expected=Expected(at=row.at, job_id=row.job_id),
        due_at=row.owed_at or row.at,
        name=row.name,
        tags=tuple(row.tags or ()),
        dialect=Dialect(row.dialect),
        url=row.url,
        endpoint=row.endpoint,
        trigger=None if row.trigger is None else from_document(row.trigger),
        is_recurring=row.recurring and row.remaining != 1,
        remaining=row.remaining,
        is_blocked=row.blocked,
        postponed_for=None if row.owed_at is None else Bound(row.owed_for),
    )
