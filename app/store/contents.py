"""Contents: what a run was to send, kept where its job has moved on or is gone."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

# A version that never fired is not kept: a job that is put off again and again costs nothing.
# No run is due much before its job was made, which keeps the search out of older partitions.
_KEEP: Final = text("""
INSERT INTO superseded
  (job_id, version, url, signature, content_type, data, manner, on_success, on_failure, dialect,
   endpoint, depth)
SELECT id, version, url, signature, content_type, data, manner, on_success, on_failure, dialect,
       endpoint, depth
FROM job j
WHERE id = :job_id
  AND (EXISTS (SELECT FROM inflight i WHERE i.job_id = j.id AND i.job_version = j.version)
       OR EXISTS (SELECT FROM run r WHERE r.job_id = j.id AND r.job_version = j.version
                  AND r.due_at >= j.created_at - interval '1 minute'))
ON CONFLICT DO NOTHING
""")

_DROP: Final = text("DELETE FROM superseded WHERE job_id = :job_id")


def keep(connection: Connection, job_id: UUID) -> None:
    """Keep what the present version of a locked job sends, if it has ever fired."""
    connection.execute(_KEEP, {"job_id": job_id})


def drop(connection: Connection, job_id: UUID) -> None:
    """Drop what was kept of a job: none of its runs is sent again."""
    connection.execute(_DROP, {"job_id": job_id})
