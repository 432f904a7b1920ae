"""Endpoints: where the jobs of other dialects are sent to, for the account that owns them."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Connection

from app.domain.account import Account
from app.domain.call_options import check_value
from app.domain.checks import quoted
from app.domain.endpoint import MAX_NAME, MAX_TOKEN, Endpoint
from app.domain.job import Dialect
from app.domain.limits import DAPR_APPS
from app.domain.target import judge_url
from app.errors import Conflict, InvalidMember, NotFound
from app.service import limits
from app.service.context import Context
from app.store import accounts as account_store
from app.store import endpoints as store

_NOUNS: Final = {Dialect.DAPR: "Dapr app", Dialect.FUSION: "Fusion runner"}
_MAX_COUNTED: Final = 1000


def put(
    context: Context,
    account: Account,
    dialect: Dialect,
    name: str,
    *,
    url: str,
    token: str | None,
    keep_token: bool = False,
) -> tuple[Endpoint, bool]:
    """Configure an endpoint, anew or another way; and whether it is a new one.

    Jobs that are there already go to the new URL from their next call on. With `keep_token` the
    token stays. Raises InvalidMember, LimitReached.
    """
    if not _is_name(name):
        raise InvalidMember(
            "id",
            "The name is empty, too long, or holds what does not print.",
            remedy=f"Use 1 to {MAX_NAME} printable characters.",
        )
    judge(context, url)
    if "?" in url or "#" in url:
        raise InvalidMember(
            "url",
            "The URL has a query or a fragment, and paths are appended to it.",
            remedy="Give scheme, host, port and perhaps a path.",
        )
    sealed: bytes | None = None
    if token is not None:
        check_value("token", token, MAX_TOKEN)
        sealed = context.secret_box.seal(token)
    with context.database.transaction() as connection:
        account_store.lock(connection, account.id)
        if keep_token:
            sealed = _kept_token(store.find(connection, account.id, dialect, name), url)
        used = store.count(connection, account.id, dialect)
        created = store.put(connection, account.id, dialect, name, url=url, sealed_token=sealed)
        # Of runners there is one of each type at most.
        if created and dialect is Dialect.DAPR:
            limits.refuse_more(context, account, DAPR_APPS, used)
    return Endpoint(name=name, url=url, has_token=sealed is not None), created


def judge(context: Context, url: str) -> None:
    """Refuse a URL that must not be called; raises InvalidMember for `url`."""
    settings = context.settings
    judge_url(url, allow=settings.allow_targets, deny=settings.deny_targets)


def get(context: Context, account: Account, dialect: Dialect, name: str) -> Endpoint:
    """The endpoint of that name. Raises NotFound."""
    _check_possible(dialect, name)
    with context.database.transaction() as connection:
        found = store.find(connection, account.id, dialect, name)
    if found is None:
        raise _unknown(dialect, name)
    return _endpoint(found)


def list_endpoints(
    context: Context,
    account: Account,
    dialect: Dialect,
    *,
    after: str = "",
    limit: int | None = None,
) -> tuple[Endpoint, ...]:
    """The first `limit` of the account's endpoints of a dialect after the name `after`, by name."""
    with context.database.transaction() as connection:
        found = store.listed(connection, account.id, dialect, after=after, limit=limit)
    return tuple(map(_endpoint, found))


def delete(
    context: Context, account: Account, dialect: Dialect, name: str, *, unused: bool = False
) -> None:
    """Forget an endpoint; with `unused` only one to which no job is sent.

    Raises NotFound, Conflict.
    """
    _check_possible(dialect, name)
    with context.database.transaction() as connection:
        if unused:
            _check_unused(connection, account, dialect, name)
        if not store.remove(connection, account.id, dialect, name):
            raise _unknown(dialect, name)


def _kept_token(stored: store.Stored | None, url: str) -> bytes:
    """The sealed token that an endpoint keeps; raises InvalidMember.

    It is never told: so it does not follow to another server, where whoever moves it could read it.
    """
    if stored is None or stored.sealed_token is None:
        raise InvalidMember(
            "hasToken",
            "There is no token that could be kept.",
            remedy="Give token, or leave hasToken out.",
        )
    if _origin(stored.url) != _origin(url):
        raise InvalidMember(
            "token",
            "The token is kept only where url has the scheme, host and port that it had.",
            remedy="Give token again, or leave hasToken out: then calls carry none.",
        )
    return stored.sealed_token


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _is_name(text: str) -> bool:
    """Whether an endpoint can have this name; PostgreSQL cannot even be asked for some others."""
    return 1 <= len(text) <= MAX_NAME and text.isprintable() and text == text.strip()


def _check_possible(dialect: Dialect, name: str) -> None:
    """Raises NotFound for what no endpoint can be called."""
    if not _is_name(name):
        raise _unknown(dialect, name)


def _check_unused(connection: Connection, account: Account, dialect: Dialect, name: str) -> None:
    jobs = store.jobs_at(connection, account.id, dialect, name, most=_MAX_COUNTED)
    if jobs:
        number = f"{jobs} or more jobs are" if jobs == _MAX_COUNTED else f"{jobs} job(s) are"
        raise Conflict(
            f"{number} sent to the {_NOUNS[dialect]} {name!r}.",
            member="id",
            remedy="Delete these jobs first, or PUT another URL.",
        )


def _endpoint(stored: store.Stored) -> Endpoint:
    return Endpoint(name=stored.name, url=stored.url, has_token=stored.sealed_token is not None)


def _unknown(dialect: Dialect, name: str) -> NotFound:
    return NotFound(
        f"There is no {_NOUNS[dialect]} {quoted(name)}.",
        member="id",
        remedy="PUT here configures one; a name counts letter for letter.",
    )
