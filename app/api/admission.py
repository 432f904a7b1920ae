"""Admission: authenticates the caller of a request and counts it against the rate limit, once."""

from __future__ import annotations

from typing import Final

from flask import request

from app.api import acting, auth, parameters, rate, scopes, senders
from app.api.context import current_context
from app.domain.account import Account, CachedCaller, Caller
from app.service.limits import limits_of

_CALLER: Final = "wakecall.caller"


def admit() -> Caller:
    """Return the caller of this request; repeated calls within a request return the same caller.

    Raises Unauthenticated, InvalidMember, RateLimited and InsufficientScope.
    """
    known: Caller | None = request.environ.get(_CALLER)
    if known is None:
        known = auth.caller()
        acting.name(known.key_id)
        _count(known.account)
        scopes.check(known)
        parameters.check()
        request.environ[_CALLER] = known
    return known


def admit_cached() -> Caller | CachedCaller:
    """As `admit`, from the key cache where possible, for use cases that verify the key themselves.

    If `admit` was called before, return the caller that it returned. Raises as `admit` does.
    """
    known: Caller | None = request.environ.get(_CALLER)
    if known is not None:
        return known
    cached = auth.cached_caller()
    _count(cached.account)
    scopes.check(cached)
    parameters.check()
    return cached


def _count(account: Account) -> None:
    limits = limits_of(current_context(), account)
    senders.note(request.environ, account.id, limits.concurrent_requests)
    rate.count(account.id, limits.requests_per_second)
