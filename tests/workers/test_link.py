"""A link's connection: what it keeps of the statements that it has seen."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from app.store.queries import SQL, run
from workers.link import Link


@pytest.fixture
def opened(database: str) -> Iterator[psycopg.Connection]:
    link = Link(database, "test")
    with link.use() as connection:
        yield connection
    link.drop()


def test_a_statement_that_comes_again_keeps_its_plan(opened: psycopg.Connection) -> None:
    for _ in range(20):
        run(opened, "still_claimed", {"ids": []})

    start = SQL["still_claimed"].partition("%")[0]
    plans = opened.execute(
        "SELECT generic_plans > 10, custom_plans FROM pg_prepared_statements"
        " WHERE starts_with(statement, %s)",
        (start,),
    ).fetchall()
    assert plans == [(True, 0)]
