"""Migrations: the head is what the code's tables say, and there is a way back."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from app.store.engine import db, sqlalchemy_url
from app.store.tables import account

PARTITIONS = ("run_", "attempt_")


def _ours(_thing: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:  # noqa: FBT001 - as Alembic calls it
    return not (kind == "table" and (name or "").startswith((*PARTITIONS, "alembic")))


def test_the_head_equals_the_tables(database: str) -> None:
    assert account.metadata is db.metadata
    engine = create_engine(sqlalchemy_url(database))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": _ours, "compare_type": True}
        )
        differences: list[Any] = compare_metadata(context, db.metadata)
    engine.dispose()

    assert differences == []
