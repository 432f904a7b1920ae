"""Scope: what an API key may do."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """What a key may do; each scope includes those before it."""

    READ = "read"
    """Read jobs, runs and the account's limits; preview schedules; check bookings (dry run)."""

    BOOK = "book"
    """Book, change and end jobs; fire, pause and resume them; send runs again, complete them."""

    ADMIN = "admin"
    """Read and rotate signing secrets; manage API keys, Dapr apps and Fusion runners."""

    def covers(self, needed: Scope) -> bool:
        """Return whether a key of this scope may do what requires the scope `needed`."""
        return _ORDER[self] >= _ORDER[needed]


_ORDER: Final = {scope: number for number, scope in enumerate(Scope)}
