"""Role: what a user may do in an account."""

from __future__ import annotations

from enum import Enum
from typing import Final

from app.domain.scope import Scope


class Role(Enum):
    """A user's role in an account; each role may do what those before it may."""

    READER = "read-only"
    """See everything but secrets; change nothing."""

    MEMBER = "member"
    """Book, change and end jobs; fire, pause and resume them; send runs again."""

    OWNER = "owner"
    """Manage members, keys, secrets and endpoints; delete the account."""

    def covers(self, needed: Role) -> bool:
        """Return whether a user with this role may do what requires the role `needed`."""
        order = list(Role)
        return order.index(self) >= order.index(needed)

    @property
    def scope(self) -> Scope:
        """The scope of an API key that may do the same."""
        return _SCOPES[self]

    def __str__(self) -> str:
        return self.value


_SCOPES: Final = {Role.READER: Scope.READ, Role.MEMBER: Scope.BOOK, Role.OWNER: Scope.ADMIN}
