"""Superseded: what a version sends, kept for its runs after its job has changed or ended."""

from __future__ import annotations

from uuid import UUID

import psycopg

from app.store.queries import run


def keep(connection: psycopg.Connection, job_id: UUID) -> None:
    """Keep what the present version of a locked job sends, if it has ever fired.

    Raises RoomLacking where the account may not store as much.
    """
    run(connection, "keep_content", {"job_id": job_id})


def keep_anyhow(connection: psycopg.Connection, job_id: UUID) -> None:
    """As `keep`, of a job that is paused: no account is kept from pausing by what it stores."""
    run(connection, "keep_content_anyhow", {"job_id": job_id})


def drop(connection: psycopg.Connection, job_id: UUID) -> None:
    """Drop what was kept of a job: none of its runs is sent again."""
    run(connection, "drop_contents", {"job_ids": [job_id]})
