"""Backlog: how many runs are in flight, and how many jobs are past their due time."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, TextClause, text

from app.domain.timings.claiming import UNBOUNDED_S

MAX_OVERDUE: Final = 100_000
"""Jobs past their due time that are counted, at most."""

MAX_COUNTED: Final = 10_000
"""Runs in flight that are counted exactly; if there are more, they are estimated by a sample."""

MAX_PAGES: Final = 400
"""Pages of the table that a sample reads, on average."""

_OVERDUE: Final = text("""
SELECT count(*), date_part('epoch', now()) - min(slot) / 10.0::float8 FROM (
  SELECT slot FROM due
  WHERE slot >= floor((extract(epoch FROM now()) - :lookback) * 10)::bigint
    AND slot < floor(extract(epoch FROM now()) * 10)::bigint
  ORDER BY slot LIMIT :most) AS o
""")

# If the accounts of all runs in flight are suspended, the earliest look_at is infinity.
_INFLIGHT: Final = text("""
SELECT state, count(*) AS number,
       date_part('epoch', now()) - date_part('epoch', min(look_at)) AS age
FROM (SELECT state, look_at FROM inflight
      WHERE look_at >= now() - make_interval(secs => :lookback)
      ORDER BY look_at LIMIT :most) AS few
GROUP BY state
""")

_PAGES: Final = text("SELECT pg_relation_size('inflight') / current_setting('block_size')::integer")

_SAMPLE: Final = text("""
SELECT state, count(*) AS number, 0.0 AS age
FROM inflight TABLESAMPLE SYSTEM (:percent) GROUP BY state
""")


class Backlog(NamedTuple):
    """How many jobs and runs wait, and for how long."""

    overdue: int
    """Jobs past their due time."""
    inflight: dict[str, int]
    """Runs in flight by state."""
    overdue_age: float = 0.0
    """Seconds since the earliest of these jobs was due."""
    inflight_age: float = 0.0
    """Seconds since the earliest check time (look_at) of these runs."""


def backlog(
    connection: Connection,
    *,
    due_lookback: float = UNBOUNDED_S,
    inflight_lookback: float = UNBOUNDED_S,
) -> Backlog:
    """Return the backlog of both queues, each read as far back as its lookback in seconds.

    The cost does not grow with the number of runs: above MAX_COUNTED they are estimated.
    """
    counted, due_age = connection.execute(
        _OVERDUE, {"lookback": due_lookback, "most": MAX_OVERDUE}
    ).one()
    few = {"lookback": inflight_lookback, "most": MAX_COUNTED + 1}
    inflight, inflight_age = _by_state(connection, _INFLIGHT, few)
    if sum(inflight.values()) > MAX_COUNTED:
        pages = connection.execute(_PAGES).scalar_one()
        percent = min(100 * MAX_PAGES / pages, 100)
        sample, _ = _by_state(connection, _SAMPLE, {"percent": percent})
        inflight = {state: round(number * 100 / percent) for state, number in sample.items()}
    return Backlog(counted, inflight, max(0.0, due_age or 0.0), inflight_age)


def _by_state(
    connection: Connection, query: TextClause, parameters: dict[str, float]
) -> tuple[dict[str, int], float]:
    rows = connection.execute(query, parameters).all()
    age = max((row.age for row in rows), default=0.0)
    return {row.state: row.number for row in rows}, max(0.0, age)
