"""Constraints of jobs: values out of their bounds cannot be stored."""

from __future__ import annotations

from contextlib import nullcontext

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.factories import book, one


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "''"),
        ("name", "repeat('x', 129)"),
        ("tags", "'{}'"),
        ("tags", "'{a,NULL}'"),
        ("tags", "array_fill('x'::text, ARRAY[21])"),
        ("manner", "'{}'"),
        ("manner", "'[]'"),
        ("manner", "'null'"),
        ("manner", """'{"method": "TRACE"}'"""),
        ("manner", """'{"timeout": 0.5}'"""),
        ("manner", """'{"timeout": 61}'"""),
        ("manner", """'{"headers": {"X": "a"}}'"""),
        ("manner", """'{"retry": 5}'"""),
        ("manner", """'{"unknown": 5}'"""),
        ("misfire", "'none'"),
        ("misfire_window", "0"),
        ("misfire_window", "2592001"),
        ("misfire_window", "'NaN'"),
        ("on_success", "''"),
        ("on_failure", "repeat('x', 2049)"),
        ("type_url", "''"),
    ],
)
def test_what_is_out_of_bounds_cannot_be_stored(
    connection: psycopg.Connection, account_id: int, column: str, value: str
) -> None:
    book(connection, account_id, due_in=60)

    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.DataException)):
        connection.execute(f"UPDATE job SET {column} = {value}")


@pytest.mark.parametrize(("method", "fits"), [("GET", True), ("PUT", True), ("TRACE", False)])
def test_a_job_of_another_dialect_may_be_called_by_the_same_methods(
    connection: psycopg.Connection, account_id: int, method: str, *, fits: bool
) -> None:
    book(connection, account_id, due_in=60)
    refused = nullcontext() if fits else pytest.raises(psycopg.errors.CheckViolation)

    with refused:
        connection.execute(
            "UPDATE job SET dialect = 'fusion', name = 'a', written = '{}',"
            """ trigger = '{"kind": "calendar"}', manner = %s""",
            (Jsonb({"method": method}),),
        )

    assert one(connection, "SELECT manner ->> 'method' FROM job") == (method if fits else None)


def test_a_name_is_one_jobs_of_an_account(connection: psycopg.Connection, account_id: int) -> None:
    for _ in range(2):
        book(connection, account_id, due_in=60)

    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("UPDATE job SET name = 'mine'")

    assert one(connection, "SELECT count(*) FROM job WHERE name IS NULL") == 2
