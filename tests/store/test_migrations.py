"""Migrations: the head is what the code's tables say, and there is a way back."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import create_engine

from app import config, create_app
from app.domain.flow import Cause
from app.store.engine import db, sqlalchemy_url
from app.store.parking import Release, release
from app.store.tables import account
from local.instance import CHECKOUT
from tests.booked import add_account, book, claim_and_take, connect, one

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


def test_flow_control_can_be_taken_back_with_runs_given_back_and_brought_again(
    database: str,
) -> None:
    app = create_app(config.load({"DATABASE_URL": database, "WAKECALL_HOME": "/nowhere"}))
    with connect(database) as connection, app.app_context():
        book(connection, add_account(connection), due_in=-1)
        (run,) = claim_and_take(connection)
        release(connection, [Release(run.id, run.token, "http://x:80", 60, Cause.FULL, "full")])

        downgrade(directory=f"{CHECKOUT / 'migrations'}", revision="0001")
        assert one(connection, "SELECT state FROM inflight") == "claimed"
        assert one(connection, "SELECT look_at <= clock_timestamp() FROM inflight") is True

        upgrade(directory=f"{CHECKOUT / 'migrations'}")
        db.engine.dispose()
        assert one(connection, "SELECT planned_at IS NULL FROM inflight") is True
