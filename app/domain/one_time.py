"""One-time trigger: due once, at an instant. Native and Dapr jobs can have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.domain import instants
from app.domain.instants import format_utc

KIND: Final = "at"


@dataclass(frozen=True, kw_only=True, slots=True)
class At:
    """Due once, at `instant` (UTC)."""

    instant: datetime


def next_after(trigger: At, after: datetime) -> datetime | None:
    """The instant, if it is strictly after `after` (aware); else None."""
    return trigger.instant if trigger.instant > after else None


def to_document(trigger: At) -> dict[str, Any]:
    """Return the form in which the trigger is stored; `from_document` reads it."""
    return {"kind": KIND, "at": format_utc(trigger.instant)}


def from_document(document: Mapping[str, Any]) -> At:
    """The trigger stored as `document`."""
    return At(instant=instants.parse(document["at"], member="at"))
