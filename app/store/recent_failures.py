"""Recent failures: when the newest failed and dead runs of an account ended."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

MAX_READ: Final = 100
"""The runs that are read of each state, those that were due last."""

# The state is a literal, so that the partial index `run_unsuccessful` applies. A run that failed
# just now may have been due a day before, when its first attempt was made.
_NEWEST: Final = """
(SELECT settled_at FROM run
 WHERE account_id = :account_id AND state = '{state}' AND due_at > now() - interval '2 days'
 ORDER BY due_at DESC, id DESC LIMIT :most)
"""
_ENDED: Final = text(
    f"{_NEWEST.format(state='failed')} UNION ALL {_NEWEST.format(state='dead')}"
    " ORDER BY settled_at DESC LIMIT :most"
)


def ended(connection: Connection, account_id: int) -> tuple[datetime, ...]:
    """Return when up to MAX_READ failed and dead runs of an account ended, newest first."""
    params = {"account_id": account_id, "most": MAX_READ}
    return tuple(connection.execute(_ENDED, params).scalars())
