"""Dapr apps: the URLs at which an account's Dapr jobs are called, and the app of a request."""

from __future__ import annotations

import re
from typing import Final

from app.domain.account import Account, CachedCaller, Caller
from app.domain.checks import quoted
from app.domain.dapr.invocation import Callee
from app.domain.endpoint import MAX_NAME, AppProtocol, Endpoint
from app.domain.job import Dialect
from app.errors import InvalidMember
from app.service import endpoints
from app.service.context import Context
from app.store import endpoints as store

HEADER: Final = "dapr-app-id"

_APP_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,254}[A-Za-z0-9])?")
_MAX_SHOWN: Final = 5


def put(
    context: Context,
    account: Account,
    app_id: str,
    *,
    url: str,
    token: str | None,
    keep_token: bool = False,
    protocol: AppProtocol = AppProtocol.HTTP,
    by: int | None = None,
) -> tuple[Endpoint, bool]:
    """Create or replace an app; True where it is new.

    Without `token` the app has none, or with `keep_token` the one it had. `by` is the owner who
    does it on the console. Raises InvalidMember, InsufficientRole.
    """
    if not _APP_ID.fullmatch(app_id):
        raise InvalidMember(
            "id",
            f"{quoted(app_id)} is not a valid app id.",
            remedy="Use 1 to 256 letters, digits, '.', '_' and '-', "
            "beginning and ending in a letter or digit.",
        )
    return endpoints.put(
        context,
        account,
        Dialect.DAPR,
        app_id,
        url=url,
        token=token,
        keep_token=keep_token,
        protocol=protocol,
        by=by,
    )


def get(context: Context, account: Account, app_id: str) -> Endpoint:
    """The app of that id. Raises NotFound."""
    return endpoints.get(context, account, Dialect.DAPR, app_id)


def list_apps(context: Context, account: Account) -> tuple[Endpoint, ...]:
    """The account's apps, by id."""
    return endpoints.list_endpoints(context, account, Dialect.DAPR)


def list_page(
    context: Context, account: Account, *, after: str | None, limit: int
) -> tuple[Endpoint, ...]:
    """The first `limit` of the account's apps after that of the id `after`; raises InvalidMember.

    The refusal names `cursor`.
    """
    if after is not None and not _APP_ID.fullmatch(after):
        raise InvalidMember(
            "cursor",
            f"{quoted(after)} is not a valid app id.",
            remedy="Use the cursor of the page before, or leave it out for the first page.",
        )
    return endpoints.list_endpoints(context, account, Dialect.DAPR, after=after or "", limit=limit)


def delete(context: Context, account: Account, app_id: str, *, by: int | None = None) -> None:
    """Delete an app that has no jobs; `by` is the owner who does it on the console.

    Raises NotFound, Conflict, InsufficientRole.
    """
    endpoints.delete(context, account, Dialect.DAPR, app_id, unused=True, by=by)


def callee(context: Context, account: Account, app_id: str) -> Callee:
    """The app of that id as another app of the account may invoke it. Raises NotFound.

    Raises Misconfigured where its token cannot be decrypted.
    """
    found = endpoints.find_stored(context, account, Dialect.DAPR, app_id)
    sealed = found.sealed_token
    token = None if sealed is None else context.secret_box.open(sealed)
    return Callee(app_id=app_id, url=found.url, token=token, protocol=found.protocol)


def find_app(context: Context, caller: Caller, named: str | None) -> str:
    """The id of the app whose jobs a request is about: its key's, its header's, or the only one.

    Raises InvalidMember for HEADER where none of these gives an app.
    """
    wanted = caller.app or named
    if caller.app and named and named != caller.app:
        raise InvalidMember(
            HEADER,
            f"The header names the app {quoted(named)}, and the key is bound to the app "
            f"{quoted(caller.app)}.",
            remedy="Leave the header out, or send another key.",
        )
    account_id = caller.account.id
    with context.database.session() as connection:
        if (
            wanted is not None
            and _APP_ID.fullmatch(wanted)
            and store.exists(connection, account_id, Dialect.DAPR, wanted)
        ):
            return wanted
        apps = store.names(connection, account_id, Dialect.DAPR, limit=_MAX_SHOWN + 1)
    if caller.is_limited:
        # The refusal lists the account's apps; a key that is bound to one app must not see others.
        apps = []
    if wanted is None and len(apps) == 1:
        return apps[0]
    raise _no_app(caller.account.name, wanted, apps)


def named_app(caller: CachedCaller, named: str | None) -> str | None:
    """The app that `find_app` finds if it exists; None where only the database knows which it is.

    The use case must verify that the app exists.
    """
    wanted = caller.app or named
    if wanted is None or (named and named != wanted) or not _APP_ID.fullmatch(wanted):
        return None
    return wanted


def _no_app(account: str, wanted: str | None, apps: list[str]) -> InvalidMember:
    add = (
        "PUT /1/dapr-apps/<id>, or flask --app wsgi dapr-app add "
        f"{account} --app-id {(wanted or 'ID')[:MAX_NAME]} --url URL"
    )
    if not apps:
        return InvalidMember(
            HEADER,
            f"The account {quoted(account)} has no Dapr app"
            f"{'' if wanted is None else f' {quoted(wanted)}'}, so there is nowhere to call.",
            remedy=f"Add the app first: {add}.",
        )
    shown = ", ".join(map(quoted, apps[:_MAX_SHOWN])) + ("…" if apps[_MAX_SHOWN:] else "")
    if wanted is None:
        return InvalidMember(
            HEADER,
            f"The account {quoted(account)} has several Dapr apps ({shown}), and the request "
            "names none.",
            remedy=f"Send the header {HEADER}, or a key that is bound to one app.",
        )
    return InvalidMember(
        HEADER,
        f"The account {quoted(account)} has no Dapr app {quoted(wanted)}; it has {shown}.",
        remedy=f"Use one of these, or add the app: {add}.",
    )
