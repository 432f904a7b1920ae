"""The named statements of app/store/sql, read once when the program starts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import psycopg

from app.store import job_columns

_HEAD: Final = re.compile(r"^-- (name|fragment): (\w+)$", re.MULTILINE)
_USE: Final = re.compile(r"\{\{(\w+)\}\}")


def _texts() -> Iterator[str]:
    for each in files("app.store").joinpath("sql").iterdir():
        if each.name.endswith(".sql"):
            yield each.read_text()


class Statements(NamedTuple):
    """Statements and fragments by name."""

    sql: dict[str, str]
    fragments: dict[str, str]


def read(
    texts: Iterable[str], *, fragments: Mapping[str, str] = MappingProxyType({})
) -> Statements:
    """The statements of these files by name, with each fragment put where it is used.

    A fragment may use others. `fragments` are used beside those of the files. Raises ValueError for
    a name that is given twice, and KeyError for a fragment that is missing.
    """
    found: dict[str, dict[str, str]] = {"name": {}, "fragment": dict(fragments)}
    for text in texts:
        parts = _HEAD.split(text)[1:]
        for kind, name, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            if any(name in named for named in found.values()):
                raise ValueError(name)
            found[kind][name] = _without_comments(body)
    known = found["fragment"]

    def whole(body: str) -> str:
        return _USE.sub(lambda use: whole(known[use[1]]), body)

    return Statements({name: whole(body) for name, body in found["name"].items()}, known)


def _without_comments(body: str) -> str:
    lines = (line for line in body.splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines).strip().rstrip(";")


SQL, FRAGMENTS = read(_texts(), fragments=job_columns.FRAGMENTS)


Rows = psycopg.Cursor[tuple[Any, ...]]
"""The rows that a statement returned; they can be read once."""


def run(connection: psycopg.Connection, name: str, params: Mapping[str, Any]) -> Rows:
    """Execute the statement of that name; its rows come back in binary form, read in C."""
    return connection.execute(SQL[name], params, binary=True)


def value(rows: Rows) -> Any:  # noqa: ANN401 - of whatever type its column has
    """The only column of the only row; None where there is no row."""
    row = rows.fetchone()
    return None if row is None else row[0]
