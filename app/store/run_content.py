"""Run content: what the version of the job that made a run sends, while it is kept."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from app.domain.job import Dialect
from app.domain.run import Run
from app.domain.run_request import RunContent
from app.store import call_options

_COLUMNS: Final = "url, endpoint, dialect, content_type, signature, data, manner"
_CONTENT: Final = text(f"""
SELECT c.*, coalesce((SELECT depth FROM inflight WHERE id = :run_id),
                     (SELECT depth FROM run WHERE id = :run_id AND due_at = :due_at), 0) AS depth
FROM (
  SELECT {_COLUMNS} FROM superseded WHERE job_id = :job_id AND version = :version
  UNION ALL
  SELECT {_COLUMNS} FROM job
  WHERE id = :job_id AND account_id = :account_id AND version = :version) c
LIMIT 1
""")  # noqa: S608 - joined from constants of this module


def find(connection: Connection, account_id: int, run: Run) -> RunContent | None:
    """Return the content of a run of this account; None if it is no longer kept."""
    params = {
        "account_id": account_id,
        "run_id": run.id,
        "due_at": run.due_at,
        "job_id": run.job_id,
        "version": run.job_version,
    }
    row = connection.execute(_CONTENT, params).one_or_none()
    if row is None:
        return None
    return RunContent(
        url=row.url,
        endpoint=row.endpoint,
        dialect=Dialect(row.dialect),
        content_type=row.content_type,
        signature=row.signature,
        data=bytes(row.data or b""),
        options=call_options.from_document(row.manner),
        depth=row.depth,
    )
