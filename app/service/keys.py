"""Keys: lists, creates and revokes API keys, for the operator and for holders of admin keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection

from app.domain import instants
from app.domain import key as domain
from app.domain.account import Account, ApiKey, Caller
from app.domain.audit import Action
from app.domain.checks import quoted
from app.domain.job import Dialect
from app.domain.limits import KEYS
from app.domain.scope import Scope
from app.errors import Conflict, InsufficientScope, InvalidMember, NotFound
from app.service import accounts, audit, limits
from app.service.context import Context
from app.service.permissions import require_owner, require_scope
from app.store import accounts as account_store
from app.store import endpoints
from app.store import keys as store
from app.store.clock import read_clock

MAX_LABEL: Final = 100
_KEPT_ENDED: Final = 100
"""How many revoked and expired keys an account keeps in its list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a new key is to be; `expires_at` is None for a key that does not expire."""

    label: str
    scope: Scope
    app: str | None = None
    """The Dapr app to which the key is bound."""

    expires_at: datetime | None = None


class NewKey(NamedTuple):
    """A key that was just created, and its text, which cannot be read again."""

    key: ApiKey
    text: str


def create(
    context: Context,
    account: str,
    label: str,
    *,
    app: str | None = None,
    scope: Scope | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Create a further API key of an account; return its text, which cannot be read again.

    A key with an `app` has access only to the jobs of that Dapr app. The default scope is `book`
    for a key with an `app`, else `admin`. Raises NotFound, InvalidMember, LimitReached.
    """
    if scope is None:
        scope = Scope.ADMIN if app is None else Scope.BOOK
    wanted = Wanted(label=label, scope=scope, app=app, expires_at=expires_at)
    owner = accounts.get_account(context, account)
    with context.database.transaction() as connection:
        return _create(context, connection, owner, wanted).text


def create_with_key(context: Context, caller: Caller, wanted: Wanted) -> NewKey:
    """Create an API key for a caller, with no more rights than the caller's own key.

    Raises InsufficientScope for a broader scope and for a key that would outlive the caller's, and
    otherwise as `create`.
    """
    require_scope(caller, wanted.scope)
    with context.database.transaction() as connection:
        account_store.lock(connection, caller.account.id)
        # Under the lock, because a key that is being revoked must not leave another one behind.
        own = store.find(connection, caller.account.id, caller.key_id)
        if own is None or not own.is_valid:
            raise accounts.unauthenticated()
        _check_outlives(own, wanted)
        return _create(context, connection, caller.account, wanted)


def create_as_user(context: Context, caller: Caller, wanted: Wanted, *, by: int) -> NewKey:
    """Create an API key for a user who is signed in, with no more rights than the user has.

    `by` is that user, an owner. Raises InsufficientScope for a broader scope, InsufficientRole, and
    otherwise as `create`.
    """
    require_scope(caller, wanted.scope)
    with context.database.transaction() as connection:
        account_store.lock(connection, caller.account.id)
        require_owner(connection, caller.account, by)
        return _create(context, connection, caller.account, wanted)


def list_keys(context: Context, account: str) -> tuple[ApiKey, ...]:
    """Return the keys of an account, including revoked ones, oldest first. Raises NotFound."""
    owner = accounts.get_account(context, account)
    with context.database.statement() as connection:
        return store.list_keys(connection, owner.id)


def list_page(
    context: Context, account: Account, *, after: str | None, limit: int
) -> tuple[ApiKey, ...]:
    """Return the first `limit` keys after the one with the id `after`, oldest first.

    Raises InvalidMember, for `cursor`, if the account has no such key.
    """
    with context.database.statement() as connection:
        last = None
        if after is not None:
            last = store.find(connection, account.id, after) if domain.is_id(after) else None
            if last is None:
                raise InvalidMember(
                    "cursor",
                    f"The account has no key {quoted(after)}.",
                    remedy="Leave the cursor out to start at the first page.",
                )
        return store.list_keys(connection, account.id, after=last, limit=limit)


def get(context: Context, account: Account, key_id: str) -> ApiKey:
    """Return the account's key of that id. Raises NotFound."""
    with context.database.statement() as connection:
        return _find(connection, account, key_id)


def revoke(context: Context, key_id: str) -> None:
    """Revoke a key, with immediate effect. Raises NotFound."""
    with context.database.transaction() as connection:
        account_id = store.revoke(connection, key_id)
        if account_id is None:
            raise NotFound(
                f"There is no key {key_id!r}.",
                member="key",
                remedy="List the ids of keys: flask --app wsgi key list ACCOUNT",
            )
        audit.record(connection, account_id, Action.REVOKE_KEY, key_id)


def revoke_with_key(context: Context, account: Account, key_id: str) -> None:
    """Revoke a key of the account, with immediate effect; a second time changes nothing.

    Raises NotFound, and Conflict for the last key with which keys can be created.
    """
    with context.database.transaction() as connection:
        # Two admin keys that revoke each other at once must not leave the account without one.
        account_store.lock(connection, account.id)
        found = _find(connection, account, key_id)
        if found.is_valid and found.scope is Scope.ADMIN:
            _check_last(connection, account, found)
        store.revoke(connection, key_id)
        if found.revoked_at is not None:
            return
        audit.record(connection, account.id, Action.REVOKE_KEY, key_id)


def revoke_as_user(context: Context, account: Account, key_id: str, *, by: int) -> None:
    """As `revoke_with_key`, for the owner `by`, who creates keys without having one.

    Raises NotFound, InsufficientRole.
    """
    with context.database.transaction() as connection:
        account_store.lock(connection, account.id)
        require_owner(connection, account, by)
        found = _find(connection, account, key_id)
        store.revoke(connection, key_id)
        if found.revoked_at is None:
            audit.record(connection, account.id, Action.REVOKE_KEY, key_id)


def _create(context: Context, connection: Connection, owner: Account, wanted: Wanted) -> NewKey:
    account_store.lock(connection, owner.id)
    _check(connection, owner, wanted)
    limits.refuse_more(context, owner, KEYS, store.count_valid(connection, owner.id))
    store.drop_ended(connection, owner.id, kept=_KEPT_ENDED)
    key, text = domain.new()
    stored = store.insert_key(
        connection,
        key_id=key.id,
        account_id=owner.id,
        digest=key.digest,
        label=wanted.label,
        app=wanted.app,
        scope=wanted.scope,
        expires_at=wanted.expires_at,
        created_by=audit.actor_name(),
    )
    audit.record(connection, owner.id, Action.CREATE_KEY, key.id, _rights(wanted))
    return NewKey(stored, text)


def _rights(wanted: Wanted) -> str:
    rights = [f"scope {wanted.scope}"]
    if wanted.app is not None:
        rights.append(f"Dapr app {wanted.app}")
    if wanted.expires_at is not None:
        rights.append(f"expires {instants.format_utc(wanted.expires_at)}")
    return ", ".join(rights)


def _check(connection: Connection, owner: Account, wanted: Wanted) -> None:
    """Raise InvalidMember or NotFound for a key that cannot be created."""
    if wanted.app is not None and wanted.scope is Scope.ADMIN:
        raise InvalidMember(
            "scope",
            "A key that is bound to a Dapr app has access only to the jobs of that app, so it "
            "cannot have the scope admin.",
            remedy="Give the key the scope read or book, or do not bind it to an app.",
        )
    if len(wanted.label) > MAX_LABEL or not wanted.label.isprintable():
        raise InvalidMember(
            "label",
            "The label is too long or contains unprintable characters.",
            remedy=f"Use at most {MAX_LABEL} printable characters.",
        )
    if wanted.expires_at is not None and wanted.expires_at <= read_clock(connection):
        raise InvalidMember(
            "expires",
            f"{instants.format_utc(wanted.expires_at)} is not in the future.",
            remedy="Give an instant in the future, or leave expires out for a key that does not "
            "expire.",
        )
    if wanted.app is not None and not _has_app(connection, owner, wanted.app):
        raise NotFound(
            f"The account {owner.name!r} has no Dapr app {quoted(wanted.app)}.",
            member="daprApp",
            remedy="Add the app first: PUT /1/dapr-apps/<id>, or flask --app wsgi dapr-app add "
            f"{owner.name} --app-id ID --url URL",
        )


def _has_app(connection: Connection, owner: Account, app: str) -> bool:
    # PostgreSQL rejects queries with some texts that are not printable.
    return app.isprintable() and endpoints.find(connection, owner.id, Dialect.DAPR, app) is not None


def _check_outlives(own: ApiKey, wanted: Wanted) -> None:
    """Raise InsufficientScope if the wanted key would be valid for longer than `own`."""
    ends = own.expires_at
    if ends is not None and (wanted.expires_at is None or wanted.expires_at > ends):
        raise InsufficientScope(
            f"The API key expires at {instants.format_utc(ends)}, so it cannot create a key that "
            "is valid for longer.",
            member="expires",
            remedy="Give an expires that is not later, or use a key that does not expire.",
        )


def _check_last(connection: Connection, account: Account, key: ApiKey) -> None:
    """Raise Conflict if without this key the account has no admin key, or none that lasts."""
    valid, lasting = store.other_admin_keys(connection, account.id, key.id)
    if valid and (lasting or key.expires_at is not None):
        return
    lacking = "no other key" if not valid else "no other key without an expiry"
    raise Conflict(
        f"This key has the scope admin, and the account has {lacking} with that scope: nobody "
        "but the operator could then create a key.",
        member="id",
        remedy="Create another key with the scope admin first: POST /1/keys. The operator can "
        f"revoke this one: flask --app wsgi key revoke {key.id}",
    )


def _find(connection: Connection, account: Account, key_id: str) -> ApiKey:
    found = store.find(connection, account.id, key_id) if domain.is_id(key_id) else None
    if found is None:
        raise NotFound(
            f"There is no key {quoted(key_id)}.",
            member="id",
            remedy="List the ids of the account's keys: GET /1/keys",
        )
    return found
