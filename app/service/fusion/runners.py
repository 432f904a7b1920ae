"""Runners: the URLs that execute an account's jobs of each type, looked up at each call."""

from __future__ import annotations

from typing import Final

from app.domain.account import Account
from app.domain.checks import quoted
from app.domain.endpoint import Endpoint
from app.domain.fusion.resource import Kind
from app.domain.job import Dialect
from app.errors import NotFound
from app.service import endpoints
from app.service.context import Context

KINDS: Final = (Kind.DATASOURCE, Kind.SPARK)


def list_runners(context: Context, account: Account) -> tuple[Endpoint, ...]:
    """Return the account's runners, by type."""
    return endpoints.list_endpoints(context, account, Dialect.FUSION)


def get(context: Context, account: Account, kind: str) -> Endpoint:
    """Return the runner of that type. Raises NotFound."""
    return endpoints.get(context, account, Dialect.FUSION, _checked(kind))


def put(
    context: Context, account: Account, kind: str, *, url: str, by: int | None = None
) -> tuple[Endpoint, bool]:
    """Create or replace a runner; return whether it is new.

    `by` is the owner who does it on the console. Raises InvalidMember, InsufficientRole.
    """
    return endpoints.put(
        context, account, Dialect.FUSION, _checked(kind), url=url, token=None, by=by
    )


def delete(context: Context, account: Account, kind: str, *, by: int | None = None) -> None:
    """Delete a runner, by an owner or the operator. Raises NotFound, InsufficientRole."""
    endpoints.delete(context, account, Dialect.FUSION, _checked(kind), by=by)


def _checked(kind: str) -> str:
    if kind not in KINDS:
        raise NotFound(
            f"{quoted(kind)} is not a type of runner.",
            member="type",
            remedy=f"The types are {' and '.join(KINDS)}; a task needs no runner.",
        )
    return kind
