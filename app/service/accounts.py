"""Accounts: who they are, the keys that speak for them, the secrets that sign for them."""

from __future__ import annotations

import hmac
import re
import secrets as randomness
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from app.domain import key as keys_domain
from app.domain.account import Account, ApiKey, CachedCaller, Caller
from app.domain.job import Dialect
from app.domain.limits import BY_NAME
from app.domain.scope import Scope
from app.domain.secret import MAX_SECRETS, SigningSecret, new_secret
from app.errors import Conflict, InvalidMember, Misconfigured, NotFound, Unauthenticated
from app.log import logger
from app.service import limits
from app.service.context import Context
from app.store import accounts as store
from app.store import endpoints
from app.store import limits as limit_store

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
_KEY_BYTES: Final = 64
_MAX_LABEL: Final = 100
_REFUSAL: Final = "The API key is missing, mistyped, unknown or revoked."
_REMEDY: Final = "Send `Authorization: Bearer KEY`, HTTP Basic with the key, or `X-API-Key: KEY`."


def authenticate(context: Context, key: str, *, account: str | None) -> Caller:
    """Who calls with this key; `account`, where given, must be the one the key speaks for.

    Raises Unauthenticated, alike for every reason.
    """
    caller = _look_up(context, _read(key))
    if account is not None and account != caller.account.name:
        raise unauthenticated()
    return caller


def authenticate_cached(
    context: Context, key: str, *, account: str | None
) -> Caller | CachedCaller:
    """As `authenticate`, but without a query where the key is in this process's cache.

    The caller is then a CachedCaller: the use case must verify the key, in the statement that acts
    or by `verify`. Raises Unauthenticated.
    """
    known = context.key_cache.get(_read(key))
    if known is None or (account is not None and account != known.account.name):
        return authenticate(context, key, account=account)
    return known


def authenticate_listener(context: Context, account: str, *, app: str) -> Caller:
    """Who calls by way of a listener that is bound to an account and a Dapr app of it.

    Raises NotFound where the account is gone.
    """
    with context.database.statement() as connection:
        found = store.clocked(connection, account)
    if found is None:
        raise unknown_account(account)
    return Caller(
        account=found[0], key_id="", now=found[1], app=app, scope=Scope.BOOK, suspended=found[2]
    )


def only_account_name(context: Context) -> str | None:
    """The name of the only account there is; None where there are others, or none."""
    with context.database.statement() as connection:
        found = store.names(connection, 2)
    return found[0] if len(found) == 1 else None


def verify(context: Context, cached: CachedCaller) -> Caller:
    """Authenticate a cached caller against the database; raises Unauthenticated."""
    context.key_cache.forget(cached.key_id)
    return _look_up(context, keys_domain.KeyText(id=cached.key_id, digest=cached.digest))


def unauthenticated() -> Unauthenticated:
    """The one refusal of every caller who is nobody."""
    return Unauthenticated(_REFUSAL, remedy=_REMEDY)


def create(context: Context, name: str) -> str:
    """A new account with a key and a signing secret; the key's text, shown this once.

    Raises InvalidMember for a name that cannot be one, Conflict for one that is taken.
    """
    if not _NAME.fullmatch(name):
        raise InvalidMember(
            "name",
            f"{name!r} cannot be an account's name.",
            remedy="Use 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning and ending in a-z or 0-9.",
        )
    sealed = context.secret_box.seal(new_secret())
    key, text = _new_key()
    with context.database.transaction() as connection:
        made = store.insert_account(connection, name)
        if made is None:
            raise Conflict(
                f"An account named {name!r} exists already.",
                member="name",
                remedy=f"For another key of it: flask --app wsgi key create {name}",
            )
        store.insert_secret(connection, made.id, sealed)
        store.insert_key(
            connection, key_id=key.id, account_id=made.id, digest=key.digest, label="first"
        )
    return text


def get_account(context: Context, account: str) -> Account:
    """The account of that name. Raises NotFound."""
    with context.database.statement() as connection:
        return _account(store.find_account(connection, account), account)


def set_limits(context: Context, name: str, amounts: Mapping[str, int | str]) -> None:
    """Give the account limits of its own, by their names: an amount, "off" or "default".

    Processes heed it within 8 s. Raises InvalidMember, NotFound.
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
    # The web puts them where the database sees them, with its own settings for all others.
    context.limit_cache.forget(account.id)


def create_key(
    context: Context,
    account: str,
    label: str,
    *,
    app: str | None = None,
    scope: Scope | None = None,
) -> str:
    """A further key of the account; its text, shown this once.

    With `app` it reaches the jobs of that Dapr app of the account alone, and its scope is `book`
    where none is given; else that is `admin`. Raises NotFound, InvalidMember.
    """
    if app is not None and scope is Scope.ADMIN:
        raise InvalidMember(
            "scope",
            "A key that is bound to a Dapr app reaches the jobs of that app alone, and cannot have "
            "the scope admin.",
            remedy="Give it the scope read or book, or do not bind it to an app.",
        )
    if scope is None:
        scope = Scope.ADMIN if app is None else Scope.BOOK
    if len(label) > _MAX_LABEL or not label.isprintable():
        raise InvalidMember(
            "label",
            "The label is too long or holds control characters.",
            remedy=f"Use at most {_MAX_LABEL} printable characters.",
        )
    key, text = _new_key()
    with context.database.transaction() as connection:
        owner = _account(store.find_account(connection, account), account)
        if app is not None and endpoints.find(connection, owner.id, Dialect.DAPR, app) is None:
            raise NotFound(
                f"The account {account!r} has no Dapr app {app!r}.",
                member="app",
                remedy=f"Add it: flask --app wsgi dapr-app add {account} --app-id ID --url URL",
            )
        store.insert_key(
            connection,
            key_id=key.id,
            account_id=owner.id,
            digest=key.digest,
            label=label,
            app=app,
            scope=scope,
        )
    return text


def list_keys(context: Context, account: str) -> tuple[ApiKey, ...]:
    """The account's keys, revoked ones included, oldest first. Raises NotFound."""
    with context.database.transaction() as connection:
        owner = _account(store.find_account(connection, account), account)
        return store.list_keys(connection, owner.id)


def revoke_key(context: Context, key_id: str) -> None:
    """Make a key worthless at once. Raises NotFound."""
    with context.database.transaction() as connection:
        if not store.revoke_key(connection, key_id):
            raise NotFound(
                f"There is no key {key_id!r}.",
                member="key",
                remedy="Take its id from: flask --app wsgi key list ACCOUNT",
            )


def _log_unopened(account: Account, error: Misconfigured) -> None:
    logger.error("secret.unreadable", account_id=account.id, error=error.message)


_Tell = Callable[[Account, Misconfigured], None]


def list_secrets(
    context: Context, account: str, *, unopened: _Tell = _log_unopened
) -> tuple[SigningSecret, ...]:
    """The account's signing secrets that are valid now and open, newest first.

    `unopened` is told of each that does not. Raises NotFound, and Misconfigured where none of them
    opens.
    """
    with context.database.transaction() as connection:
        owner = _account(store.find_account(connection, account), account)
        sealed = store.valid_secrets(connection, owner.id)
    return _opened(context, owner, sealed, unopened)


def rotate_secret(
    context: Context, account: str, *, overlap: timedelta, unopened: _Tell = _log_unopened
) -> tuple[SigningSecret, ...]:
    """Give the account a new signing secret; those before it sign for `overlap` at most.

    The secrets that are valid then and open, the new one first. Raises NotFound, and Conflict where
    too many would sign.
    """
    sealed = context.secret_box.seal(new_secret())
    with context.database.transaction() as connection:
        owner = _account(store.find_account(connection, account), account)
        store.retire_secrets(connection, owner.id, overlap)
        if len(store.valid_secrets(connection, owner.id)) >= MAX_SECRETS:
            raise Conflict(
                f"{MAX_SECRETS} secrets of this account sign already.",
                member="overlap",
                remedy="Wait until one of them expires, or give a shorter overlap; "
                "0 ends the old ones at once.",
            )
        store.insert_secret(connection, owner.id, sealed)
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


def _opened(
    context: Context, account: Account, sealed: Sequence[store.SealedSecret], tell: _Tell
) -> tuple[SigningSecret, ...]:
    """Those that open, which are also those that sign; Misconfigured where none of them does."""
    box = context.secret_box
    opened: list[SigningSecret] = []
    failure: Misconfigured | None = None
    for each in sealed:
        try:
            value = box.open(each.sealed)
        except Misconfigured as error:
            failure = error
            tell(account, error)
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
    """The refusal of whoever names an account that there is not."""
    return NotFound(
        f"There is no account {name!r}.",
        member="account",
        remedy=f"Create it: flask --app wsgi account create {name}",
    )


def _new_key() -> tuple[keys_domain.KeyText, str]:
    text = keys_domain.compose(randomness.token_bytes(_KEY_BYTES))
    key = keys_domain.read(text)
    assert key is not None  # noqa: S101 - what compose writes, read reads
    return key, text
