"""The files of statements: each name once, fragments put where they are used."""

from __future__ import annotations

import pytest

from app.store.queries import SQL, read

FRAGMENT = "-- fragment: columns\na, b\n"


def test_a_fragment_is_put_where_it_is_used() -> None:
    statement = "-- name: first\n-- Keeps them in order.\nSELECT {{columns}} FROM t;\n"

    assert read([statement, FRAGMENT]).sql == {"first": "SELECT a, b FROM t"}


def test_a_fragment_may_use_another_one() -> None:
    row = "-- fragment: row\n({{columns}})\n"

    assert read(["-- name: first\nSELECT {{row}};\n", row, FRAGMENT]).sql == {
        "first": "SELECT (a, b)"
    }


@pytest.mark.parametrize("second", ["-- name: first\nSELECT 2;\n", "-- fragment: first\n2\n"])
def test_a_name_that_is_given_twice_is_refused(second: str) -> None:
    with pytest.raises(ValueError, match="first"):
        read(["-- name: first\nSELECT 1;\n", second])


def test_a_fragment_that_is_missing_is_refused() -> None:
    with pytest.raises(KeyError, match="columns"):
        read(["-- name: first\nSELECT {{columns}};\n"])


def test_no_statement_has_a_fragment_left_in_it() -> None:
    assert not [name for name, statement in SQL.items() if "{{" in statement]
