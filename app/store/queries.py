"""The named statements of queries.sql, read once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import psycopg

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def _read() -> dict[str, str]:
    text = files("app.store").joinpath("queries.sql").read_text()
    parts = _NAME.split(text)[1:]
    bodies = (_without_comments(body) for body in parts[1::2])
    # The file is part of the program: its text is as literal as the code around it.
    return dict(zip(parts[::2], bodies, strict=True))


def _without_comments(body: str) -> str:
    lines = (line for line in body.splitlines() if not line.startswith("--"))
    return "\n".join(lines).strip().rstrip(";")


SQL: Final = _read()


Answer = psycopg.Cursor[tuple[Any, ...]]
"""The rows a statement returned, to be read once."""


def run(connection: psycopg.Connection, name: str, params: Mapping[str, Any]) -> Answer:
    """Execute the statement of that name; its rows come back in binary form, read in C."""
    return connection.execute(SQL[name], params, binary=True)
