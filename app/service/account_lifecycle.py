"""Account lifecycle: suspends, resumes and deletes accounts, for the operator of the service."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Final

from app.domain.account import Account
from app.domain.audit import Action
from app.domain.timings.leases import LEASE
from app.errors import Conflict, InvalidMember, Unavailable
from app.service import accounts, audit
from app.service.context import Context
from app.service.permissions import require_owner
from app.store import accounts as account_store
from app.store import erasure, suspension
from app.store.database import driver_of

MAX_REASON: Final = 500
_MAX_ROUNDS: Final = 10
_Report = Callable[[Counter[str]], None]


def suspend(context: Context, name: str, *, reason: str = "") -> None:
    """Suspend an account: its data is kept, but none of it is changed and no call is begun.

    A call that is under way continues. The `reason` is recorded in the account's audit log. Raises
    NotFound and InvalidMember.
    """
    _check_reason(reason)
    owner = accounts.get_account(context, name)
    with context.database.session() as connection, connection.transaction():
        suspension.suspend(connection, owner.id)
        audit.record(connection, owner.id, Action.SUSPEND_ACCOUNT, name, reason or None)


def resume(
    context: Context, name: str, report: _Report, *, reason: str = "", batches: int | None = None
) -> None:
    """End the suspension of an account; call `report` with the number of rows released so far.

    Firings that were missed during the suspension follow the misfire policies of their jobs. After
    so many `batches` of rows, if given, maintenance releases the rest. Raises NotFound and
    InvalidMember, and Conflict if the account is being deleted.
    """
    _check_reason(reason)
    owner = accounts.get_account(context, name)
    freed: Counter[str] = Counter()
    with context.database.session() as connection:
        with connection.transaction():
            if not suspension.resume(connection, owner.id):
                raise Conflict(
                    f"The account {name!r} is being deleted.",
                    member="account",
                    remedy=f"Finish the deletion: flask --app wsgi account delete {name}",
                )
            audit.record(connection, owner.id, Action.RESUME_ACCOUNT, name, reason or None)
        for number in islice(suspension.release(connection, owner.id), batches):
            freed["waiting jobs and runs"] += number
            report(freed)


def begin_deletion(context: Context, account: Account, *, by: int) -> None:
    """Suspend an account for good and revoke its keys; maintenance then deletes its data.

    `by` is the owner who does it. Raises InsufficientRole.
    """
    with context.database.transaction() as connection:
        account_store.lock(connection, account.id)
        require_owner(connection, account, by)
        erasure.begin(driver_of(connection), account.id)
        audit.record(connection, None, Action.DELETE_ACCOUNT, account.name)


def delete(
    context: Context, name: str, report: _Report, *, wait: Callable[[float], None] = time.sleep
) -> None:
    """Delete an account and its data; call `report` with the rows deleted so far, by kind.

    A deletion that was interrupted continues where it stopped. `wait` sleeps for some seconds.
    Raises NotFound, and Unavailable if requests that began earlier keep storing data.
    """
    owner = accounts.get_account(context, name)
    gone: Counter[str] = Counter()
    with context.database.session() as connection, connection.transaction():
        erasure.begin(connection, owner.id)
        # Recorded without the account, whose own records are deleted with it.
        audit.record(connection, None, Action.DELETE_ACCOUNT, name)
    for _ in range(_MAX_ROUNDS):
        if _erase(context, owner, gone, report):
            # A worker that has already taken one of these runs may call it until its lease ends,
            # unless the worker learns that the account is suspended. So the account must exist
            # until then.
            wait(LEASE.total_seconds())
            continue
        with context.database.session() as connection:
            if erasure.end(connection, owner.id):
                return
    raise Unavailable(f"Requests keep storing data for the account {name!r}; try again later.")


def _check_reason(reason: str) -> None:
    if len(reason) > MAX_REASON or not reason.isprintable():
        raise InvalidMember(
            "reason",
            "The reason is too long or contains unprintable characters.",
            remedy=f"Use at most {MAX_REASON} printable characters.",
        )


def _erase(context: Context, owner: Account, gone: Counter[str], report: _Report) -> bool:
    held = False
    with context.database.session() as connection:
        for step in erasure.erase(connection, owner.id):
            gone[step.what] += step.number
            held = held or step.held
            report(gone)
    return held
