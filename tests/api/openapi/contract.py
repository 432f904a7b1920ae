"""The contract of a description: what clients rely on, a line each, as tests/golden holds it.

`python -m tests.api.openapi.contract` writes the lines of all descriptions anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from flask import Flask

from app import config, create_app
from app.api.openapi.routes import DESCRIPTIONS
from tests.api.openapi.documents import Document, Operation, Schema, described_at

FOLDER: Final = Path(__file__).parent.parent.parent / "golden"
SENT: Final = "sent"
ANSWERED: Final = "answered"
REQUIRED: Final = "is required"
ALWAYS: Final = "is always there"

_NEEDED: Final = re.compile(rf"{SENT} .* {REQUIRED}")


def path_of(description: str) -> Path:
    """The file with the contract of a description."""
    return FOLDER / f"{description.strip('/').replace('/', '.')}.contract.txt"


def contract(document: Document) -> list[str]:
    """The lines of the contract, sorted."""
    return sorted({line for each in document.operations for line in _of(document, each)})


def breaks(before: list[str], after: list[str]) -> list[str]:
    """What breaks clients that rely on the lines `before`: removed lines, and new requirements."""
    lost = [line for line in before if line not in set(after) and not _NEEDED.fullmatch(line)]
    asked = [line for line in after if line not in set(before) and _NEEDED.fullmatch(line)]
    known = {line.split(" ")[1].partition(".")[0] for line in before if line.startswith(SENT)}
    # What a new schema or operation requires has never been left out.
    return [
        *(f"removed: {line}" for line in lost),
        *(f"new: {line}" for line in asked if line.split(" ")[1].partition(".")[0] in known),
    ]


def _of(document: Document, operation: Operation) -> Iterator[str]:
    name, members = operation.id, operation.members
    yield f"{name}: {operation.method} {operation.path}"
    for each in members.get("parameters", ()):
        where = f"{SENT} {name}.{each['name']}"
        yield f"{where} ({each['in']})"
        if each["required"]:
            yield f"{where} {REQUIRED}"
        yield from _of_schema(document, each["schema"], where, SENT)
    body = members.get("requestBody", {})
    if body.get("required"):
        yield f"{SENT} {name}.body {REQUIRED}"
    for media_type, content in body.get("content", {}).items():
        yield f"{SENT} {name}.body {media_type}"
        yield from _of_schema(document, content["schema"], f"{SENT} {name}.body", SENT)
    for status, answer in members["responses"].items():
        if status.startswith("2"):
            yield from _of_answer(document, f"{ANSWERED} {name}.{status}", answer)


def _of_answer(document: Document, where: str, answer: Mapping[str, Any]) -> Iterator[str]:
    yield where
    for header, each in answer.get("headers", {}).items():
        if each.get("required"):
            yield f"{where}.{header} {ALWAYS}"
    for media_type, content in answer.get("content", {}).items():
        yield f"{where} {media_type}"
        yield from _of_schema(document, content["schema"], where, ANSWERED)


def _of_schema(
    document: Document, schema: Schema, where: str, way: str, seen: frozenset[str] = frozenset()
) -> Iterator[str]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield f"{where} is a {name}"
        if name in seen:
            return
        schema, where, seen = document.resolved(schema), f"{way} {name}", seen | {name}
    if "type" in schema:
        kind = schema["type"]
        yield f"{where}: {kind if isinstance(kind, str) else ' or '.join(kind)}"
    if way == SENT:
        yield from (f"{where} = {value}" for value in schema.get("enum", ()))
    needed = REQUIRED if way == SENT else ALWAYS
    yield from (f"{where}.{member} {needed}" for member in schema.get("required", ()))
    for member, each in schema.get("properties", {}).items():
        yield f"{where}.{member}"
        yield from _of_schema(document, each, f"{where}.{member}", way, seen)
    if "items" in schema:
        yield from _of_schema(document, schema["items"], f"{where}[]", way, seen)
    for part in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(part, ()):
            if "required" not in each or "properties" in each:
                yield from _of_schema(document, each, where, way, seen)


def write(app: Flask) -> None:
    """Write the contracts of all descriptions of the application."""
    for path in DESCRIPTIONS:
        lines = contract(described_at(app, path))
        path_of(path).write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    write(create_app(config.load({"DATABASE_URL": "postgresql:///no", "WAKECALL_HOME": "/none"})))
