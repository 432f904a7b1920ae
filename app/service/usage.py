"""Usage: keeps what an account stores within its limits, with many requests at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, Final, ParamSpec, TypeVar

from app.domain import limits as domain
from app.domain.account import Account, CachedCaller, Caller
from app.domain.limits import JOBS, KEPT_ANSWER_BYTES, STORED_BYTES, Limits
from app.domain.usage import Allowed, Use
from app.errors import Unavailable
from app.service import limits
from app.service.context import Context
from app.service.limit_cache import allowed_by
from app.store import limits as limit_store
from app.store import usage as store
from app.store.database_errors import RoomLacking

P = ParamSpec("P")
Done = TypeVar("Done")
Who = TypeVar("Who", bound=Caller | CachedCaller)

# A further try is needed only if another request of the account used the room that was made.
_TRIES: Final = 100
_STEPS: Final = 20


def within_limits(
    use_case: Callable[Concatenate[Context, Who, P], Done],
) -> Callable[Concatenate[Context, Who, P], Done]:
    """Decorate a use case that stores something, to keep it within the limits of its account.

    The database refuses a write if its slot of the account's quota is used up. Then the quota is
    divided among the slots again, and the whole use case is repeated. The use case raises
    LimitReached if no quota is left, and Unavailable after too many repeats.
    """

    @functools.wraps(use_case)
    def counted(context: Context, caller: Who, /, *args: P.args, **kwargs: P.kwargs) -> Done:
        _report_database(context, caller.account)
        for _ in range(_TRIES):
            try:
                return use_case(context, caller, *args, **kwargs)
            except RoomLacking as lacking:
                _make_room(context, caller.account, lacking.needed)
        raise Unavailable(
            "Too many requests store data for this account at once; try again shortly."
        )

    return counted


def check(context: Context, account: Account, needed: Use) -> None:
    """Raise LimitReached if the account has no room for `needed`; stores no usage."""
    _report_database(context, account)
    with context.database.session() as connection:
        found = store.allowed(connection, account.id)
        used = store.used(connection, account.id)
    if found is not None:
        _refuse(found, used, needed)


def _report_limits(context: Context, account: Account) -> None:
    """Store the limits of the account in the database, from the settings and its own limits."""
    with context.database.separate_transaction() as connection:
        store.lock(connection, account.id)
        own = limit_store.of_accounts(connection, [account.id]).get(account.id, {})
        defaults: Limits = context.settings.limits
        allowed = allowed_by(domain.overridden(defaults, own))
        if store.allowed(connection, account.id) != allowed:
            store.allow(connection, account.id, allowed)
            store.balance(connection, account.id, allowed)


def _report_database(context: Context, account: Account) -> None:
    """As `_report_limits`, unless this process has already seen these limits in the database."""
    known = limits.limits_of(context, account)
    if context.limit_cache.is_stored(account.id, known):
        return
    allowed = allowed_by(known)
    with context.database.separate_transaction() as connection:
        is_known = store.allowed(connection, account.id) == allowed
    if not is_known:
        _report_limits(context, account)
    context.limit_cache.note_stored(account.id, allowed)


def _make_room(context: Context, account: Account, needed: Use) -> None:
    """Make room for `needed` in one slot of the account. Raises LimitReached.

    To make room, the kept content of ended runs is dropped, oldest first: bookings have priority
    over later redeliveries.
    """
    with context.database.separate_transaction() as connection:
        allowed = store.allowed(connection, account.id)
        used = store.used(connection, account.id)
        if allowed is not None:
            for _ in range(_STEPS):
                lacking = _lacking(allowed.bytes, used.bytes, needed.bytes)
                if lacking <= 0 or not store.drop_kept(connection, account.id, lacking):
                    break
                used = store.used(connection, account.id)
            _refuse(allowed, used, needed)
    with context.database.separate_transaction() as connection:
        allowed = store.lock(connection, account.id)
        if store.has_room(connection, account.id, needed):
            # Another request made room while this one waited for the lock, or all slots were
            # locked.
            return
        used = store.balance(connection, account.id, allowed, needed)
    _refuse(allowed, used, needed)


def _lacking(allowed: int | None, used: int, needed: int) -> int:
    return 0 if allowed is None or not needed else used + needed - allowed


def _refuse(allowed: Allowed, used: Use, needed: Use) -> None:
    limited = zip((JOBS, STORED_BYTES, KEPT_ANSWER_BYTES), allowed, used, needed, strict=True)
    for limit, most, has, asked in limited:
        if most is not None and asked and has + asked > most:
            raise domain.reached(limit, allowed=most, used=has, asked=asked)
