"""Accuracy: histograms of lateness by account and five minutes; workers add to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psycopg
from sqlalchemy import Connection, Interval, bindparam, text

from app.domain.lateness import KEPT_FOR, PERIOD, Histogram

# Counts are added bucket by bucket; an array ends with its last bucket that is not empty. Rows are
# locked in one order, so that two workers that add at once do not deadlock.
_ADD: Final = """
INSERT INTO accuracy (account_id, begins, counts, most_ms)
SELECT account_id, date_bin(%(period)s, clock_timestamp(), 'epoch'), counts::int[], most_ms
FROM unnest(%(accounts)s::bigint[], %(counts)s::text[], %(most)s::float8[])
  AS v (account_id, counts, most_ms)
ORDER BY account_id
ON CONFLICT (account_id, begins) DO UPDATE
SET counts = ARRAY(
      SELECT coalesce(had, 0) + coalesce(came, 0)
      FROM unnest(accuracy.counts, excluded.counts) WITH ORDINALITY AS u (had, came, bucket)
      ORDER BY bucket),
    most_ms = greatest(accuracy.most_ms, excluded.most_ms)
"""

_PURGE: Final = """
DELETE FROM accuracy
WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM accuracy WHERE begins < trusted_clock() - %(kept_for)s::interval
  ORDER BY begins LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""

# Each row has the clock; if there are no histograms, one row has only the clock.
_RECENT: Final = text("""
SELECT c.now, a.begins, a.counts, a.most_ms
FROM (SELECT clock_timestamp() AS now) c
LEFT JOIN accuracy a ON a.account_id = :account_id
  AND a.begins >= date_bin(:period, c.now - CAST(:lookback AS interval), 'epoch')
""").bindparams(bindparam("period", type_=Interval), bindparam("lookback", type_=Interval))

_BETWEEN: Final = text("""
SELECT begins, counts, most_ms FROM accuracy
WHERE account_id = :account_id AND begins >= :begins AND begins < :ends
""")


_MAX_OF_EVERYBODY: Final = 5_000
"""Histograms that are added up for the public; where there are more, the newest ones."""

_OF_EVERYBODY: Final = text("""
WITH newest AS (
  SELECT begins, counts, most_ms FROM accuracy
  WHERE begins >= clock_timestamp() - interval '1 day' ORDER BY begins DESC LIMIT :most)
SELECT coalesce(min(begins), clock_timestamp()) AS since, coalesce(max(most_ms), 0) AS most_ms,
       ARRAY(SELECT sum(number) FROM newest, unnest(counts) WITH ORDINALITY AS u (number, bucket)
             GROUP BY bucket ORDER BY bucket) AS counts
FROM newest
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recent:
    """The database's clock, and an account's histograms by the beginning of their period."""

    now: datetime
    histograms: Mapping[datetime, Histogram]


def add(connection: psycopg.Connection, histograms: Mapping[int, Histogram]) -> None:
    """Add to the histograms of the current period; the keys are ids of accounts."""
    if not histograms:
        return
    connection.execute(
        _ADD,
        {
            "period": PERIOD,
            "accounts": list(histograms),
            "counts": [_array(each.counts) for each in histograms.values()],
            "most": [each.most_ms for each in histograms.values()],
        },
    )


def recent(connection: Connection, account_id: int, lookback: timedelta) -> Recent:
    """Return the account's histograms since the period that contains the instant `lookback` ago."""
    rows = connection.execute(
        _RECENT, {"account_id": account_id, "period": PERIOD, "lookback": lookback}
    ).all()
    return Recent(
        now=rows[0].now,
        histograms={
            row.begins: Histogram(counts=row.counts, most_ms=row.most_ms)
            for row in rows
            if row.begins is not None
        },
    )


def between(
    connection: Connection, account_id: int, begins: datetime, ends: datetime
) -> Iterator[tuple[datetime, Histogram]]:
    """Yield the account's histograms from `begins` up to `ends`: at most those of KEPT_FOR."""
    rows = connection.execute(_BETWEEN, {"account_id": account_id, "begins": begins, "ends": ends})
    for row in rows:
        yield row.begins, Histogram(counts=row.counts, most_ms=row.most_ms)


def of_everybody(connection: Connection) -> tuple[datetime, Histogram]:
    """Return the sum of the histograms of all accounts in the last day, and when they begin."""
    row = connection.execute(_OF_EVERYBODY, {"most": _MAX_OF_EVERYBODY}).one()
    return row.since, Histogram(counts=[int(each) for each in row.counts], most_ms=row.most_ms)


def purge(connection: psycopg.Connection, *, limit: int) -> int:
    """Drop up to `limit` histograms older than KEPT_FOR; return how many were dropped."""
    return connection.execute(_PURGE, {"kept_for": KEPT_FOR, "limit": limit}).rowcount


def _array(counts: Sequence[int]) -> str:
    """Return a PostgreSQL array as text, without the empty buckets at its end."""
    last = max(index for index, count in enumerate(counts) if count)
    return "{" + ",".join(map(str, counts[: last + 1])) + "}"
