"""Job pages: pages of an account's jobs with their content, filtered and sorted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from app.domain.account import Account
from app.domain.job import MAX_DATA
from app.domain.job_filter import JobFilter, JobPosition, JobSort, ListedJob
from app.store import recent_runs
from app.store.job_columns import COLUMNS
from app.store.job_filter import MAX_EXAMINED, in_index_order, restrict
from app.store.jobs import to_job

_ROWS: Final = 64
"""Rows fetched at once: a row may have 64 KiB, and most have 500 bytes."""

# A list shows the payloads that a native job may have. `written` is shown by no list.
_LONG: Final = {
    "data": f"CASE WHEN octet_length(data) <= {MAX_DATA} THEN data END AS data, "
    f"CASE WHEN octet_length(data) > {MAX_DATA} THEN octet_length(data) END AS omitted_bytes",
    "written": "NULL::jsonb AS written",
}
_SHOWN: Final = ", ".join(_LONG.get(each.name, each.name) for each in COLUMNS)

_AT: Final = "coalesce(next_at, held_at)"
_NAME: Final = 'name COLLATE "C"'


@dataclass(frozen=True, kw_only=True, slots=True)
class _Order:
    """How one index lists the jobs of an account."""

    table: str
    id: str
    key: str | None
    """The expression that is sorted by before the id; None for the id alone."""
    among: tuple[str, ...] = ()
    """The condition of the index."""
    descending: bool = False

    @property
    def by(self) -> str:
        """What is sorted by, as one value."""
        return self.id if self.key is None else f"({self.key}, {self.id})"

    @property
    def clause(self) -> str:
        """The ORDER BY of the list."""
        direction = " DESC" if self.descending else ""
        return ", ".join(f"{each}{direction}" for each in (self.key, self.id) if each is not None)


_ORDERS: Final = {
    JobSort.NEWEST: _Order(table="job", id="id", key=None, descending=True),
    JobSort.NEXT: _Order(table="due", id="job_id", key=_AT, among=(f"{_AT} IS NOT NULL",)),
    JobSort.NAME: _Order(table="job", id="id", key=_NAME, among=("name IS NOT NULL",)),
}

# The second condition on tags is for the index job_tags, whose hashes may match other tags as well.
_TAGGED: Final = (
    "tags @> CAST(:tags AS text[])",
    "tag_keys(account_id, tags) @> tag_keys(:account_id, CAST(:tags AS text[]))",
)

# How many jobs have the tags, up to one more than may be examined.
_COUNT_TAGGED: Final = text(f"""
SELECT count(*) FROM (
  SELECT FROM job WHERE account_id = :account_id AND {" AND ".join(_TAGGED)} LIMIT :most + 1) few
""")  # noqa: S608 - joined from constants of this module

_EXAMINED: Final = """
SELECT {key} AS key, {id} AS id FROM {table} WHERE {among} ORDER BY {order}
"""
_LAST_EXAMINED: Final = f"{_EXAMINED} OFFSET :examined - 1 LIMIT 1"

# OFFSET 0 makes PostgreSQL look each job up by its id, and not read those of all accounts.
_PAGE: Final = f"""
SELECT e.key, CAST(:account AS text) AS account, j.*, d.* FROM ({_EXAMINED} LIMIT :examined) e
CROSS JOIN LATERAL (
  SELECT id, version, {_SHOWN}
  FROM job WHERE id = e.id AND account_id = :account_id {{selected}} OFFSET 0) j
CROSS JOIN LATERAL (
  SELECT {_AT} AS next_at, CASE WHEN {_AT} = owed_till THEN owed_at END AS owed_at, owed_for,
         remaining
  FROM due WHERE job_id = e.id OFFSET 0) d
ORDER BY {{outer}} LIMIT :limit
"""  # noqa: S608 - joined from constants of this module


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Jobs in order, and the position after which to continue if these do not fill the page."""

    jobs: Iterator[ListedJob]
    resume_after: JobPosition | None
    """None if no further jobs are left to be examined."""


@contextmanager
def page(
    connection: Connection,
    account: Account,
    wanted: JobFilter,
    sort: JobSort,
    *,
    after: JobPosition | None,
    limit: int,
) -> Iterator[Found]:
    """Find up to `limit` of the account's jobs, from those after `after`.

    At most MAX_EXAMINED jobs are examined. Rows are fetched as the caller consumes them.
    """
    order = _ORDERS[sort]
    failing = recent_runs.failing_jobs(connection, account.id) if wanted.failing else None
    by_tags = (
        failing is None and sort is JobSort.NEWEST and _few_have(connection, account, wanted.tags)
    )
    among, params, left = _among(account, wanted, sort, by_tags=by_tags)
    if failing is not None:
        among.append(f"{order.id} = ANY (CAST(:failing AS uuid[]))")
        params["failing"] = failing
    selected, further = restrict(left)
    examined = MAX_EXAMINED if selected else limit
    params |= {"account": account.name, "examined": examined, "limit": limit, **further}
    if after is not None:
        comparison = "<" if order.descending else ">"
        position = ":after_id" if order.key is None else "(:after_key, :after_id)"
        among.append(f"{order.by} {comparison} {position}")
        params |= {"after_id": after.id} | ({} if order.key is None else {"after_key": after.key})
    names = {
        "table": order.table,
        "id": order.id,
        "key": order.key or "NULL",
        "order": order.clause,
        "outer": "e.id DESC" if order.descending else "e.key, e.id",
        "among": " AND ".join(among),
    }
    # Jobs that are found by their tags or their ids have to be sorted.
    if not by_tags and failing is None:
        in_index_order(connection)
    resume_after = None
    if selected:
        last = connection.execute(text(_LAST_EXAMINED.format(**names)), params).one_or_none()
        resume_after = None if last is None else JobPosition(key=last.key, id=last.id)
    query = _PAGE.format(**names, selected="".join(f" AND {each}" for each in selected))
    with connection.execute(text(query), params, execution_options={"yield_per": _ROWS}) as rows:
        yield Found(jobs=map(_listed, rows), resume_after=resume_after)


def _few_have(connection: Connection, account: Account, tags: tuple[str, ...]) -> bool:
    """Whether tags are given and so few jobs have them that all of these may be examined.

    If more have them, they are found among the jobs in their order, and need not all be sorted.
    """
    if not tags:
        return False
    params = {"account_id": account.id, "tags": list(tags), "most": MAX_EXAMINED}
    number: int = connection.execute(_COUNT_TAGGED, params).scalar_one()
    return number <= MAX_EXAMINED


def _among(
    account: Account, wanted: JobFilter, sort: JobSort, *, by_tags: bool
) -> tuple[list[str], dict[str, Any], JobFilter]:
    """Return the conditions that an index serves, their parameters, and the filter that is left."""
    among = ["account_id = :account_id", *_ORDERS[sort].among]
    params: dict[str, Any] = {"account_id": account.id}
    left = wanted
    if sort is JobSort.NEWEST and wanted.enabled is False:
        among.append("NOT enabled")
        left = replace(left, enabled=None)
    if by_tags:
        among += _TAGGED
        params["tags"] = list(wanted.tags)
        left = replace(left, tags=())
    if sort is JobSort.NAME and wanted.name_prefix is not None:
        among += [f"{_NAME} >= :prefix", f"{_NAME} < :prefix_end"]
        params |= {"prefix": wanted.name_prefix, "prefix_end": _end_of(wanted.name_prefix)}
        left = replace(left, name_prefix=None)
    return among, params, left


def _end_of(prefix: str) -> str:
    """Return a text after all names with the prefix, none of which has the last code point."""
    return f"{prefix}\U0010ffff"


def _listed(row: Row[Any]) -> ListedJob:
    return ListedJob(
        job=to_job(row, ()),
        position=JobPosition(key=row.key, id=row.id),
        omitted_bytes=row.omitted_bytes,
    )
