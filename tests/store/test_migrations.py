"""Migrations: the head is what the code's tables say, and there is a way back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import create_engine

from app import config, create_app
from app.store.engine import db, sqlalchemy_url
from app.store.tables import account
from local.instance import CHECKOUT
from tests.booked import add_account, book, connect, one

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


FOLDER = str(CHECKOUT / "migrations")


@contextmanager
def in_app(database: str) -> Iterator[None]:
    app = create_app(config.load({"DATABASE_URL": database, "WAKECALL_HOME": "/nowhere"}))
    with app.app_context():
        yield
        db.engine.dispose()


def test_jobs_that_are_there_are_found_by_their_tags(database: str) -> None:
    found = (
        "SELECT count(*) FROM job WHERE tags IS NOT NULL"
        " AND tag_keys(account_id, tags) @> tag_keys(account_id, '{a}')"
    )
    with in_app(database), connect(database) as connection:
        downgrade(directory=FOLDER, revision="0004")
        book(connection, add_account(connection), due_in=60)
        connection.execute("UPDATE job SET tags = '{b,a}'")

        upgrade(directory=FOLDER)

        connection.execute("SET enable_seqscan = off")
        assert "job_tags" in str(connection.execute(f"EXPLAIN {found}").fetchall())
        assert one(connection, found) == 1


def test_an_index_of_tags_that_was_left_half_made_is_made_anew(database: str) -> None:
    made = "SELECT pg_get_indexdef('job_tags'::regclass)"
    with in_app(database), connect(database) as connection:
        whole = one(connection, made)
        assert "tag_keys" in whole
        downgrade(directory=FOLDER, revision="0006")
        connection.execute("DROP INDEX job_tags")
        connection.execute("CREATE INDEX job_tags ON job (version)")
        connection.execute("UPDATE alembic_version SET version_num = '0004'")

        upgrade(directory=FOLDER)

        assert one(connection, made) == whole
