"""Scope: what an API key may do."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What a key may do; each scope may do all that those before it may."""

    READ = "read"
    """Read jobs, runs and how the account stands; preview schedules; check bookings (dry run)."""

    BOOK = "book"
    """Book, change and end jobs; fire, pause and resume them; send runs again, complete them."""

    ADMIN = "admin"
    """Read and rotate signing secrets; manage Dapr apps and Fusion runners."""

    def covers(self, needed: Scope) -> bool:
        """Whether a key of this scope may do what needs `needed`."""
        order = list(Scope)
        return order.index(self) >= order.index(needed)
