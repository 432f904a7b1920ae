"""Run counts: how many runs of an account that are over were due in each of many spans of time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Interval, Row, bindparam, text

from app.domain.run import SETTLED
from app.domain.run_counts import Span

_FETCHED_AT_ONCE: Final = timedelta(hours=1)
"""The time of the buckets that are fetched at once: no more is counted in advance."""

# The state is a literal, so that the partial indexes apply. The bounds of the whole span leave the
# planner few partitions, and those of the bucket leave the executor one or two of these.
_COUNT: Final = """
(SELECT count(*) FROM run WHERE account_id = :account_id AND state = '{state}'
   AND due_at >= :begins AND due_at < :ends
   AND due_at >= bucket.begins AND due_at < bucket.begins + :step) AS {state}
"""
_COUNTS: Final = text(
    "SELECT begins, "  # noqa: S608 - joined from constants
    + ", ".join(_COUNT.format(state=state) for state in sorted(SETTLED))
    + " FROM generate_series(CAST(:ends AS timestamptz) - :step, :begins, - :step)"
    " AS bucket (begins)"
).bindparams(bindparam("step", type_=Interval))


@contextmanager
def stream(connection: Connection, account_id: int, span: Span) -> Iterator[Iterator[Row[Any]]]:
    """The beginning of each bucket, and its number of runs in each final state, newest first.

    Buckets are counted as the caller consumes them.
    """
    params: dict[str, datetime | timedelta | int] = {
        "account_id": account_id,
        "begins": span.begins,
        "ends": span.ends,
        "step": span.step,
    }
    at_once = max(1, _FETCHED_AT_ONCE // span.step)
    with connection.execute(_COUNTS, params, execution_options={"yield_per": at_once}) as rows:
        yield iter(rows)
