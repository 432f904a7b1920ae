"""The vectors: what Quartz itself did with each expression."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from app.domain.clocks import Clock, clock

FILE: Final = Path(__file__).parents[2] / "vectors" / "quartz.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Vector:
    expr: str
    tz: str
    base: datetime
    valid: bool
    next: tuple[datetime, ...]
    min_gap_s: int | None
    note: str

    @property
    def tag(self) -> str:
        return self.note.partition(":")[0]

    @property
    def clock(self) -> Clock | None:
        """As Quartz has it; None for UTC."""
        return None if self.tz == "UTC" else clock(self.tz, None, None)

    @property
    def both_days_open(self) -> bool:
        return self.expr.split()[3::2][:2] == ["*", "*"]

    def __str__(self) -> str:
        return f"{self.expr} in {self.tz} after {self.base:%Y-%m-%dT%H:%M:%S}"


def _load() -> list[Vector]:
    return [
        Vector(
            expr=row["expr"],
            tz=row["tz"],
            base=datetime.fromisoformat(row["base"]),
            valid=row["valid"],
            next=tuple(datetime.fromisoformat(firing) for firing in row["next"]),
            min_gap_s=row["min_gap_s"],
            note=row["note"],
        )
        for row in json.loads(FILE.read_text(encoding="utf-8"))
    ]


VECTORS: Final = [vector for vector in _load() if vector.tag != "quirk"]
FIRING: Final = [vector for vector in VECTORS if vector.valid]
REFUSED: Final = [v for v in VECTORS if not v.valid and not v.both_days_open]
BOTH_DAYS_OPEN: Final = [v for v in VECTORS if not v.valid and v.both_days_open]
IN_UTC: Final = [vector for vector in FIRING if vector.clock is None]
