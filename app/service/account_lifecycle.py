"""Account ends: an account suspended, resumed and deleted by the operator of the service."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from app.domain.account import Account
from app.domain.timings.leases import LEASE
from app.errors import Conflict, Unavailable
from app.service import accounts
from app.service.context import Context
from app.store import erasure, suspension

_MAX_ROUNDS: Final = 10
_Tell = Callable[[Counter[str]], None]


def suspend(context: Context, name: str) -> None:
    """Suspend the account: nothing of it is changed or called from now on, all is kept.

    A call that is under way goes on. Raises NotFound.
    """
    owner = accounts.get_account(context, name)
    with context.database.session() as connection:
        suspension.suspend(connection, owner.id)


def resume(context: Context, name: str, tell: _Tell) -> None:
    """Let the account go on; `tell` hears how much was freed so far.

    What it missed is dealt with as its jobs say. Raises NotFound, and Conflict where the account is
    being deleted.
    """
    owner = accounts.get_account(context, name)
    freed: Counter[str] = Counter()
    with context.database.session() as connection:
        if not suspension.resume(connection, owner.id):
            raise Conflict(
                f"The account {name!r} is being deleted.",
                member="account",
                remedy=f"Finish that: flask --app wsgi account delete {name}",
            )
        for number in suspension.release(connection, owner.id):
            freed["waiting jobs and runs"] += number
            tell(freed)


def delete(
    context: Context, name: str, tell: _Tell, *, wait: Callable[[float], None] = time.sleep
) -> None:
    """Delete the account and all it has; `tell` hears how much of each is gone so far.

    One that was interrupted goes on where it was. Raises NotFound, and Unavailable where a request
    that began before goes on storing something.
    """
    owner = accounts.get_account(context, name)
    gone: Counter[str] = Counter()
    with context.database.session() as connection:
        erasure.begin(connection, owner.id)
    for _ in range(_MAX_ROUNDS):
        if _erase(context, owner, gone, tell):
            # A worker that took one of these runs before may call until its lease ends, unless it
            # hears that the account is suspended: so the account has to be there for as long.
            wait(LEASE.total_seconds())
            continue
        with context.database.session() as connection:
            if erasure.end(connection, owner.id):
                return
    raise Unavailable(f"Something is stored for the account {name!r} again and again; try later.")


def _erase(context: Context, owner: Account, gone: Counter[str], tell: _Tell) -> bool:
    held = False
    with context.database.session() as connection:
        for step in erasure.erase(connection, owner.id):
            gone[step.what] += step.number
            held = held or step.held
            tell(gone)
    return held
