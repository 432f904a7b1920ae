"""Accounts: creates, finds and authenticates accounts, and rotates their signing secrets."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection

from app.domain import instants
from app.domain import key as keys_domain
from app.domain.account import Account, AccountDates, CachedCaller, Caller
from app.domain.audit import Action
from app.domain.checks import quoted
from app.domain.limits import BY_NAME
from app.domain.scope import Scope
from app.domain.secret import MAX_SECRETS, SigningSecret, new_secret
from app.errors import Conflict, InvalidMember, Misconfigured, NotFound, Unauthenticated
from app.log import logger
from app.service import audit, limits
from app.service.context import Context
from app.service.permissions import require_owner
from app.store import accounts as store
from app.store import keys as key_store
from app.store import limits as limit_store

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
_REFUSAL: Final = "The API key is missing, mistyped, unknown or revoked."
_REMEDY: Final = "Send `Authorization: Bearer KEY`, HTTP Basic with the key, or `X-API-Key: KEY`."


class NewAccount(NamedTuple):
    """An account that was just created, and the text of its key, which cannot be read again."""

    account: Account
    key: str


def authenticate(context: Context, key: str, *, account: str | None) -> Caller:
    """Return the caller that this API key belongs to.

    `account`, if given, must be the name of the key's account. Raises Unauthenticated, with the
    same message for every reason except that the key has expired.
    """
    caller = _look_up(context, _read(key))
    if account is not None and account != caller.account.name:
        raise unauthenticated()
    return caller


def authenticate_cached(
    context: Context, key: str, *, account: str | None
) -> Caller | CachedCaller:
    """As `authenticate`, but without a query if the key is in this process's cache.

    The caller is then a CachedCaller. The use case must verify its key, either in the statement
    that stores something or by `verify`. Raises Unauthenticated.
    """
    known = context.key_cache.get(_read(key))
    if known is None or (account is not None and account != known.account.name):
        return authenticate(context, key, account=account)
    context.key_use.note(known.key_id)
    return known


def authenticate_listener(context: Context, account: str, *, app: str) -> Caller:
    """Return the caller of a listener that is bound to an account and to one of its Dapr apps.

    Raises NotFound if the account no longer exists.
    """
    with context.database.statement() as connection:
        found = store.account_with_clock(connection, account)
    if found is None:
        raise unknown_account(account)
    return Caller(
        account=found[0], key_id="", now=found[1], app=app, scope=Scope.BOOK, suspended=found[2]
    )


def listener_cached(context: Context, account: str, *, app: str) -> Caller | CachedCaller:
    """As `authenticate_listener`, but without a query if this process knows the account.

    The use case must verify a CachedCaller, as that of `authenticate_cached`. Raises NotFound.
    """
    known = context.key_cache.get_listener(account, app)
    if known is not None:
        return known
    caller = authenticate_listener(context, account, app=app)
    context.key_cache.put_listener(caller, app)
    return caller


def only_account_name(context: Context) -> str | None:
    """Return the name of the account if there is exactly one, else None."""
    with context.database.statement() as connection:
        found = store.names(connection, 2)
    return found[0] if len(found) == 1 else None


def verify(context: Context, cached: CachedCaller) -> Caller:
    """Authenticate a cached caller against the database; raises Unauthenticated.

    Raises NotFound for a listener whose account no longer exists.
    """
    if not cached.key_id:
        caller = authenticate_listener(context, cached.account.name, app=cached.app or "")
        context.key_cache.put_listener(caller, cached.app or "")
        return caller
    context.key_cache.forget(cached.key_id)
    return _look_up(context, keys_domain.KeyText(id=cached.key_id, digest=cached.digest))


def unauthenticated() -> Unauthenticated:
    """Return the error for every caller without a valid key, the same for every reason but one.

    Only a caller with an expired key gets that reason.
    """
    return Unauthenticated(_REFUSAL, remedy=_REMEDY)


def create(context: Context, name: str) -> str:
    """Create an account with an API key and a signing secret.

    Return the text of the key, which cannot be read again. Raises InvalidMember for an invalid
    name, and Conflict for a name that is taken.
    """
    with context.database.transaction() as connection:
        return create_within(context, connection, name).key


def create_within(context: Context, connection: Connection, name: str) -> NewAccount:
    """As `create`, in a transaction that does more."""
    if not _NAME.fullmatch(name):
        raise InvalidMember(
            "name",
            f"{quoted(name)} is not a valid account name.",
            remedy="Use 1 to 63 characters: a-z, 0-9, '.', '_' and '-'. The first and the last one "
            "must be a-z or 0-9.",
        )
    sealed = context.secret_box.seal(new_secret())
    key, text = keys_domain.new()
    made = store.insert_account(connection, name)
    if made is None:
        raise Conflict(
            f"An account named {name!r} already exists.",
            member="name",
            remedy=f"Create another key for it: flask --app wsgi key create {name}",
        )
    store.insert_secret(connection, made.id, sealed)
    key_store.insert_key(
        connection,
        key_id=key.id,
        account_id=made.id,
        digest=key.digest,
        label="first",
        created_by=audit.actor_name(),
    )
    audit.record(connection, made.id, Action.CREATE_ACCOUNT, name)
    return NewAccount(account=made, key=text)


def get_account(context: Context, account: str) -> Account:
    """Return the account with this name. Raises NotFound."""
    # PostgreSQL rejects queries with other texts.
    if not account.isprintable():
        raise unknown_account(account)
    with context.database.statement() as connection:
        return _account(store.find_account(connection, account), account)


def get_dates(context: Context, account: Account) -> AccountDates:
    """Return when an account was created and suspended. Raises NotFound."""
    with context.database.statement() as connection:
        found = store.dates(connection, account.id)
    if found is None:
        raise unknown_account(account.name)
    return found


def set_limits(context: Context, name: str, amounts: Mapping[str, int | str]) -> None:
    """Set limits of one account, by the limits' names: an amount, "off" or "default".

    All processes apply the change within 8 s. Raises InvalidMember, NotFound.
    """
    for each, given in amounts.items():
        limits.check(BY_NAME[each], given)
    dropped = frozenset(each for each, given in amounts.items() if given == "default")
    own = {
        each: None if isinstance(given, str) else given
        for each, given in amounts.items()
        if each not in dropped
    }
    with context.database.transaction() as connection:
        if not limit_store.change(connection, name, given=own, dropped=dropped):
            raise unknown_account(name)
        account = _account(store.find_account(connection, name), name)
        changes = ", ".join(f"{each}={given}" for each, given in amounts.items())
        audit.record(connection, account.id, Action.LIMIT_ACCOUNT, name, changes)
    # The web process that next serves the account copies its limits to the database. The web
    # process knows the settings, which are the defaults of all other limits.
    context.limit_cache.forget(account.id)


def _log_unopened(account: Account, error: Misconfigured) -> None:
    logger.error("secret.unreadable", account_id=account.id, error=error.message)


_Report = Callable[[Account, Misconfigured], None]


def list_secrets(
    context: Context, account: str, *, unopened: _Report = _log_unopened
) -> tuple[SigningSecret, ...]:
    """Return the signing secrets of an account that are valid and can be decrypted, newest first.

    `unopened` is called for each secret that cannot be decrypted. Raises NotFound, and
    Misconfigured if none of the secrets can be decrypted.
    """
    with context.database.transaction() as connection:
        owner = _account(store.find_account(connection, account), account)
        sealed = store.valid_secrets(connection, owner.id)
    return _opened(context, owner, sealed, unopened)


def note_shown(context: Context, account: Account) -> None:
    """Record that somebody is going to look at the signing secrets of the account."""
    with context.database.transaction() as connection:
        audit.record(connection, account.id, Action.SHOW_SECRET, account.name)


def rotate_secret(
    context: Context,
    account: str,
    *,
    overlap: timedelta,
    unopened: _Report = _log_unopened,
    by: int | None = None,
) -> tuple[SigningSecret, ...]:
    """Create a new signing secret; earlier secrets of the account stay valid for up to `overlap`.

    Return the secrets that are then valid and can be decrypted, the new one first. `unopened` is
    called for each secret that cannot be. `by` is the owner who does it on the console. Raises
    NotFound, InsufficientRole, and Conflict if too many secrets would be valid.
    """
    sealed = context.secret_box.seal(new_secret())
    with context.database.transaction() as connection:
        owner = _account(store.find_account(connection, account), account)
        store.retire_secrets(connection, owner.id, overlap)
        require_owner(connection, owner, by)
        if len(store.valid_secrets(connection, owner.id)) >= MAX_SECRETS:
            raise Conflict(
                f"This account already has {MAX_SECRETS} valid secrets, which is the maximum.",
                member="overlap",
                remedy="Wait until one of the secrets expires, or use a shorter overlap; "
                "an overlap of 0 ends the old secrets at once.",
            )
        store.insert_secret(connection, owner.id, sealed)
        audit.record(
            connection,
            owner.id,
            Action.ROTATE_SECRET,
            owner.name,
            f"overlap {overlap.total_seconds():g} s",
        )
        return _opened(context, owner, store.valid_secrets(connection, owner.id), unopened)


def _read(key: str) -> keys_domain.KeyText:
    presented = keys_domain.read(key)
    if presented is None:
        raise unauthenticated()
    return presented


def _look_up(context: Context, presented: keys_domain.KeyText) -> Caller:
    with context.database.session() as connection:
        stored = store.find_key(connection, presented.id)
    if stored is None or stored.revoked or not hmac.compare_digest(stored.digest, presented.digest):
        raise unauthenticated()
    if stored.expires_at is not None and stored.expires_at <= stored.now:
        raise _expired(stored.expires_at)
    context.key_use.note(presented.id)
    context.key_cache.put(presented, stored.account, stored.now, app=stored.app, scope=stored.scope)
    context.limit_cache.put(stored.account.id, stored.limits)
    return Caller(
        account=stored.account,
        key_id=presented.id,
        now=stored.now,
        app=stored.app,
        scope=stored.scope,
        suspended=stored.suspended,
    )


def _expired(at: datetime) -> Unauthenticated:
    return Unauthenticated(
        f"The API key expired at {instants.format_utc(at)}.",
        remedy="Send another key of the account. A key with the scope admin creates keys: "
        "POST /1/keys.",
    )


def _opened(
    context: Context, account: Account, sealed: Sequence[store.SealedSecret], report: _Report
) -> tuple[SigningSecret, ...]:
    """Decrypt these secrets and drop those that fail; raises Misconfigured if all of them fail."""
    box = context.secret_box
    opened: list[SigningSecret] = []
    failure: Misconfigured | None = None
    for each in sealed:
        try:
            value = box.open(each.sealed)
        except Misconfigured as error:
            failure = error
            report(account, error)
            continue
        opened.append(
            SigningSecret(value=value, created_at=each.created_at, expires_at=each.expires_at)
        )
    if failure is not None and not opened:
        raise failure
    return tuple(opened)


def _account(found: Account | None, name: str) -> Account:
    if found is None:
        raise unknown_account(name)
    return found


def unknown_account(name: str) -> NotFound:
    """Return the error for the name of an account that does not exist."""
    return NotFound(
        f"There is no account {name!r}.",
        member="account",
        remedy=f"Create it: flask --app wsgi account create {name}",
    )
