"""The connections of an engine are kept although this machine's clock was set back."""

from __future__ import annotations

import time
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import base

from app import config
from app.store.engine import watch_engine
from tests.factories import connect

YEAR_S = 365 * 86_400.0


def test_a_clock_that_was_ahead_when_a_connection_was_lost_costs_one_new_connection(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=time.time())
    monkeypatch.setattr(base, "time", SimpleNamespace(time=lambda: clock.now))
    engine = watch_engine(config.load({"DATABASE_URL": database}))
    try:
        first = session_of(engine)
        clock.now += YEAR_S
        lose(database, engine)
        clock.now += 1 - YEAR_S
        later = {session_of(engine) for _ in range(3)}
    finally:
        engine.dispose()

    assert len(later - {first}) == len(later) == 1


def session_of(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def lose(database: str, engine: Engine) -> None:
    """Let the server end the session, and the engine notice it."""
    with engine.connect() as connection, connect(database) as other:
        session = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (session,))
        with pytest.raises(OperationalError) as caught:
            connection.execute(text("SELECT 1"))
    assert isinstance(caught.value.orig, psycopg.OperationalError)
