"""Admission: who calls, authenticated and counted against the rate limit once per request."""

from __future__ import annotations

from typing import Final

from flask import request

from app.api import auth, parameters, rate, scopes, senders
from app.domain.account import Account, Caller, Presumed
from app.service.limits import limits_of

_CALLER: Final = "wakecall.caller"


def admit() -> Caller:
    """Who sends this request; asked again within one request, the same answer at no cost.

    Raises Unauthenticated, InvalidMember, RateLimited and InsufficientScope.
    """
    known: Caller | None = request.environ.get(_CALLER)
    if known is None:
        known = auth.caller()
        _count(known.account)
        scopes.check(known)
        parameters.check()
        request.environ[_CALLER] = known
    return known


def presume() -> Caller | Presumed:
    """Who sends this request, for a use case that asks itself whether the key is valid still.

    Raises as `admit` does, and answers as it did where it was asked before.
    """
    known: Caller | None = request.environ.get(_CALLER)
    if known is not None:
        return known
    presumed = auth.presumed()
    _count(presumed.account)
    scopes.check(presumed)
    parameters.check()
    return presumed


def _count(account: Account) -> None:
    limits = limits_of(account)
    senders.note(request.environ, account.id, limits.concurrent_requests)
    rate.count(account.id, limits.requests_per_second)
