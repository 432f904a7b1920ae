"""Resources: Fusion jobs with how they stand, and their runs, as that dialect tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.domain.run import Run, RunKind, RunState
from app.store import history

# A firing that was withdrawn ahead of its time, for another schedule or none, never was a run to
# whoever asks; one that somebody started and aborted was.
_BEGAN: Final = """
NOT (kind = 'scheduled' AND attempts = 0 AND state = 'cancelled'
     AND settled_at < due_at)
"""
_STANDS: Final = """
NOT (kind = 'scheduled' AND attempts = 0 AND cancelled_at IS NOT NULL AND cancelled_at < due_at)
"""

# Runs of a job follow one another, but not in the order they were due: a time that waited for one
# run is overtaken by others that are started by hand or by a job before it. The index has them as
# they were due; among the first, this many more than are asked for are put right.
_OVERTAKEN: Final = 20
_NEWEST: Final = "settled_at DESC NULLS FIRST, due_at DESC"

_LAST: Final = f"""
SELECT * FROM (
  (SELECT id, kind, due_at, state, NULL::timestamptz AS settled_at, reason, started_by
   FROM inflight WHERE job_id = j.id AND {_STANDS})
  UNION ALL
  (SELECT id, kind, due_at, state, settled_at, reason, started_by
   FROM run WHERE job_id = j.id AND {_BEGAN} ORDER BY due_at DESC LIMIT 1 + {_OVERTAKEN})
) AS newest ORDER BY {_NEWEST} LIMIT 1
"""  # noqa: S608 - joined from constants of this module

_STANDING: Final = text(f"""
SELECT j.name, j.enabled, coalesce(d.next_at, d.held_at) AS next_at,
       l.id AS run_id, l.kind, l.due_at, l.state, l.settled_at, l.reason, l.started_by,
       (SELECT min(a.started_at) FROM attempt a WHERE a.run_id = l.id AND a.due_at = l.due_at)
         AS started_at,
       ARRAY(SELECT f.upstream FROM follow f
             WHERE f.job_id = j.id
               AND NOT EXISTS (SELECT FROM job u
                               WHERE u.account_id = f.account_id AND u.dialect = 'fusion'
                                 AND u.name = f.upstream)
             ORDER BY f.upstream) AS lacking
FROM job j
JOIN due d ON d.job_id = j.id
LEFT JOIN LATERAL ({_LAST}) l ON true
WHERE j.account_id = :account_id AND j.dialect = 'fusion'
  AND (CAST(:name AS text) IS NULL OR j.name = :name)
  AND (CAST(:types AS text[]) IS NULL OR split_part(j.name, ':', 1) = ANY (:types))
  AND (CAST(:tag AS text) IS NULL OR :tag = ANY (j.tags))
ORDER BY j.name
""").bindparams(bindparam("types", type_=ARRAY(Text)))  # noqa: S608 - as above

_HISTORY: Final = text(f"""
SELECT * FROM (
  ({history.LIVE_ROWS} WHERE job_id = :job_id AND {_STANDS})
  UNION ALL
  ({history.SETTLED_ROWS} WHERE job_id = :job_id AND {_BEGAN}
   ORDER BY due_at DESC LIMIT :limit + {_OVERTAKEN})
) AS runs ORDER BY {_NEWEST}, id DESC LIMIT :limit
""")  # noqa: S608 - as above

_WRITTEN: Final = text("""
SELECT name, written FROM job
WHERE account_id = :account_id AND dialect = 'fusion' AND name LIKE 'task:%'
  AND (CAST(:tag AS text) IS NULL OR :tag = ANY (tags))
ORDER BY name
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class LastRun:
    """The newest run of a job, live or settled; `started_at` is None until it was called.

    `started_by` is whose key or which job's end started it; None where its schedule did.
    """

    id: UUID
    kind: RunKind
    due_at: datetime
    state: RunState
    started_at: datetime | None
    settled_at: datetime | None
    reason: str | None
    started_by: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a job stands; `lacking` are the names it follows that no job of the account bears."""

    name: str
    enabled: bool
    next_at: datetime | None
    last: LastRun | None
    lacking: tuple[str, ...]


def standing(
    connection: Connection,
    account_id: int,
    *,
    name: str | None = None,
    types: Sequence[str] = (),
    tag: str | None = None,
) -> list[Standing]:
    """How the account's Fusion jobs stand, by name; all that is given must hold of them."""
    rows = connection.execute(
        _STANDING,
        {"account_id": account_id, "name": name, "types": list(types) or None, "tag": tag},
    )
    return [
        Standing(
            name=row.name,
            enabled=row.enabled,
            next_at=row.next_at,
            last=_last(row),
            lacking=tuple(row.lacking),
        )
        for row in rows
    ]


def runs(connection: Connection, job_id: UUID, limit: int) -> tuple[Run, ...]:
    """The newest runs of a job, as its history tells them."""
    found = connection.execute(_HISTORY, {"job_id": job_id, "limit": limit}).all()
    return history.told(connection, found)


def written(connection: Connection, account_id: int, *, tag: str | None) -> list[dict[str, Any]]:
    """What was written of the account's jobs that are tasks, by name; of those with a tag."""
    rows = connection.execute(_WRITTEN, {"account_id": account_id, "tag": tag})
    return [row.written for row in rows]


def _last(row: Any) -> LastRun | None:  # noqa: ANN401 - a row has the columns of its statement
    if row.run_id is None:
        return None
    return LastRun(
        id=row.run_id,
        kind=RunKind(row.kind),
        due_at=row.due_at,
        state=RunState(row.state),
        started_at=row.started_at,
        settled_at=row.settled_at,
        reason=row.reason,
        started_by=row.started_by,
    )
