"""Contents: what a run was to send, kept where its job has moved on or is gone."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

# A version that never fired is not kept: a job that is put off again and again costs nothing.
# No run is due much before its job was made, but of Dapr's, which may have any dueTime: that keeps
# the search out of older partitions.
# What is kept counts as stored, as the job does.
_KEPT: Final = """
WITH kept AS (
  INSERT INTO superseded
    (job_id, version, url, signature, content_type, data, manner, on_success, on_failure, dialect,
     endpoint, depth, account_id)
  SELECT id, version, url, signature, content_type, data, manner, on_success, on_failure, dialect,
         endpoint, depth, account_id
  FROM job j
  WHERE id = :job_id
    AND (EXISTS (SELECT FROM inflight i WHERE i.job_id = j.id AND i.job_version = j.version)
         OR EXISTS (SELECT FROM run r WHERE r.job_id = j.id AND r.job_version = j.version
                    AND r.due_at >= CASE WHEN j.dialect = 'dapr' THEN '-infinity'
                                         ELSE j.created_at - interval '1 minute' END))
  ON CONFLICT DO NOTHING
  RETURNING account_id, content_bytes(url, signature, content_type, data, manner, on_success,
                                      on_failure) AS bytes
)
"""
_IN_ROOM: Final = "SELECT take_room(account_id, 0, bytes, 0) FROM kept"
_WITHOUT_ROOM: Final = "INSERT INTO usage_release SELECT account_id, 0, -bytes FROM kept"
_KEEP: Final = text(f"{_KEPT} {_IN_ROOM}")
_KEEP_ANYHOW: Final = text(f"{_KEPT} {_WITHOUT_ROOM}")

_DROP: Final = text("DELETE FROM superseded WHERE job_id = :job_id")


def keep(connection: Connection, job_id: UUID) -> None:
    """Keep what the present version of a locked job sends, if it has ever fired.

    Raises RoomLacking where the account may not store as much.
    """
    connection.execute(_KEEP, {"job_id": job_id})


def keep_anyhow(connection: Connection, job_id: UUID) -> None:
    """As `keep`, of a job that is paused: nobody is kept from that by what the account stores."""
    connection.execute(_KEEP_ANYHOW, {"job_id": job_id})


def drop(connection: Connection, job_id: UUID) -> None:
    """Drop what was kept of a job: none of its runs is sent again."""
    connection.execute(_DROP, {"job_id": job_id})
