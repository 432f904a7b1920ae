"""Account list: the accounts of this installation, as its operator sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

_LISTED: Final = text("""
SELECT a.id, a.name, a.created_at, a.suspended_at, a.deleting_at IS NOT NULL AS is_being_deleted,
       (SELECT count(*) FROM membership m WHERE m.account_id = a.id) AS members,
       (SELECT max(k.last_used_at) FROM api_key k WHERE k.account_id = a.id) AS key_used_at
FROM account a WHERE CAST(:below AS bigint) IS NULL OR a.id < :below
ORDER BY a.id DESC LIMIT :limit
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedAccount:
    """An account as the operator's list shows it, with its use."""

    id: int
    name: str
    created_at: datetime
    suspended_at: datetime | None
    is_being_deleted: bool
    members: int
    key_used_at: datetime | None
    """The hour in which one of its keys was last used; None if none was."""


def list_page(
    connection: Connection, *, below: int | None, limit: int
) -> tuple[ListedAccount, ...]:
    """Return the newest `limit` accounts with ids less than `below`."""
    rows = connection.execute(_LISTED, {"below": below, "limit": limit}).mappings()
    return tuple(ListedAccount(**row) for row in rows)
