"""Superseded content: the content of a job's version, kept for its runs after the job changed."""

from __future__ import annotations

from uuid import UUID

import psycopg

from app.store.queries import run


def keep(connection: psycopg.Connection, job_id: UUID) -> None:
    """Keep the content of a locked job's current version, if that version has ever fired.

    Raises RoomLacking if the account would store more than it may.
    """
    run(connection, "keep_content", {"job_id": job_id})


def keep_anyhow(connection: psycopg.Connection, job_id: UUID) -> None:
    """As `keep`, when a job is paused: a full account can still pause its jobs."""
    run(connection, "keep_content_anyhow", {"job_id": job_id})


def drop(connection: psycopg.Connection, job_id: UUID) -> None:
    """Drop the kept contents of a job, of which no run is sent again."""
    run(connection, "drop_contents", {"job_ids": [job_id]})
