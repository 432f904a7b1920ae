"""Statements name their columns as the tuples do that their rows become, in the same order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from app.store import (
    accounts,
    claims,
    completions,
    events,
    job_ends,
    left_behind,
    orphans,
    postponing,
    rescue,
    run_ends,
    takes,
)
from app.store.queries import SQL
from tests.store.test_queries import numbered

READ: Final[dict[str, Any]] = {
    "begin_overdue": takes.Taken,
    "claim_due": claims._ClaimedRow,
    "fetch_checkable": rescue._Checkable,
    "find_key": accounts._KeyRow,
    "find_run_owner": completions.Owner,
    "finished_jobs": job_ends.Finished,
    "insert_inflight": claims.Claimed,
    "insert_postponed": claims.Claimed,
    "left_behind": left_behind.LeftBehind,
    "lock_pace": postponing.Pace,
    "lock_run": run_ends.Live,
    "notify_again": claims.Claimed,
    "orphans": orphans._Orphan,
    "signing_accounts": accounts.SigningAccount,
    "take": takes.Taken,
    "events_wanted": events._Wanted,
}
"""What the rows of these statements become."""

UNNAMED: Final = {"?column?", "date_part", "exists", "greatest", "coalesce", "array", "case"}
"""The names that PostgreSQL gives to columns without one."""

ROOMS: Final = [*Path("app").rglob("*.py"), *Path("workers").rglob("*.py")]


@pytest.mark.parametrize("name", READ)
def test_the_columns_are_the_members_of_the_tuple(
    connection: psycopg.Connection, name: str
) -> None:
    made = READ[name]
    members = [each.name for each in fields(made)] if is_dataclass(made) else list(made._fields)

    assert columns(connection, SQL[name]) == members


def test_every_column_has_a_name_of_its_own(connection: psycopg.Connection) -> None:
    found = {name: columns(connection, statement) for name, statement in SQL.items()}

    assert {n: c for n, c in found.items() if UNNAMED & set(c) or len(set(c)) < len(c)} == {}


def test_every_tuple_that_is_made_of_a_row_of_a_statement_is_listed() -> None:
    known = {made.__name__ for made in READ.values()}

    made = {name for path in ROOMS for name in read_in(ast.parse(path.read_text()))}

    assert made == known


def columns(connection: psycopg.Connection, statement: str) -> list[str]:
    """The names of the columns, as PostgreSQL describes them without executing the statement."""
    prepared = connection.pgconn.prepare(b"", numbered(statement)[0].encode())
    assert not prepared.error_message, prepared.error_message.decode()
    described = connection.pgconn.describe_prepared(b"")
    names = (described.fname(number) for number in range(described.nfields))
    return [(name or b"").decode() for name in names]


def read_in(tree: ast.Module) -> Iterator[str]:
    """The classes whose members a module fills from rows, in functions that run statements."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        calls = [each for each in ast.walk(function) if isinstance(each, ast.Call)]
        names = {name for each in calls for name in called(each)}
        if names & SQL.keys():
            for each in ast.walk(function):
                match each:
                    case ast.Attribute(value=ast.Name(id=made), attr="_make"):
                        yield made
                    case ast.Call(func=ast.Name(id=made), args=[ast.Starred()]) if (
                        made[-1:].isalpha() and made.lower() != made
                    ):
                        yield made


def called(call: ast.Call) -> Iterator[str]:
    """The names of statements among the arguments of a call of `run`."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    if function == "run":
        for each in call.args:
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value
