"""The vectors: what Dapr itself did with each input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).parents[2] / "vectors" / "dapr.json"
ERROR: Final = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Vector:
    kind: str
    input: Any
    expected: Any
    more: dict[str, Any]

    @property
    def base(self) -> datetime:
        return at(self.more["base"])

    @property
    def is_error(self) -> bool:
        return bool(self.expected == ERROR)

    @property
    def message(self) -> str:
        """What Dapr's own message is, or has in it; empty if nothing is known of it."""
        return str(self.more.get("message") or self.more.get("message_contains") or "")

    def __str__(self) -> str:
        return f"{json.dumps(self.input)} {self.more.get('base', '')}"


def at(text: str) -> datetime:
    """The instant as vectors write it, cut to the microsecond."""
    return datetime.fromisoformat(text)


def _load() -> list[Vector]:
    rows: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["cases"]
    return [
        Vector(kind=row.pop("kind"), input=row.pop("input"), expected=row.pop("expected"), more=row)
        for row in rows
    ]


VECTORS: Final = _load()


def of(kind: str) -> list[Vector]:
    """The vectors of a kind; there are some."""
    found = [vector for vector in VECTORS if vector.kind == kind]
    assert found, kind
    return found
