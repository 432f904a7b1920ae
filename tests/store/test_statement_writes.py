"""Every statement that writes due, inflight or superseded stands in app/store/sql."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

SOURCES: Final = [*Path("app").rglob("*.py"), *Path("workers").rglob("*.py")]
WRITES: Final = re.compile(
    r"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(ONLY\s+)?(due|inflight|superseded)\b", re.IGNORECASE
)
CALLS: Final = {"insert", "update", "delete"}
TABLES: Final = {"due", "inflight", "superseded"}


def test_no_source_of_python_writes_the_queues() -> None:
    found = {str(path): list(writes(path.read_text())) for path in SOURCES}

    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        '_WAKE = """\nUPDATE inflight SET look_at = now()"""',
        'f"DELETE\\nFROM {TABLE} x; delete from superseded"',
        "connection.execute(update(due).where(due.c.job_id == job_id))",
        "insert(tables.inflight)",
    ],
)
def test_such_a_source_would_be_noticed(source: str) -> None:
    assert len(list(writes(source))) == 1


def writes(source: str) -> Iterator[int]:
    """The lines with a text of SQL, or an expression of SQLAlchemy, that writes one of them."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)) if WRITES.search(text):
                yield node.lineno
            case ast.Call(func=ast.Name(id=name), args=[table, *_]) if name in CALLS:
                if ast.unparse(table).rpartition(".")[2] in TABLES:
                    yield node.lineno
            case _:
                pass
