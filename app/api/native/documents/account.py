"""Account document: the account's name and dates, the key that asks, and the limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.api.native.codecs.generic_codec import Value
from app.domain import instants
from app.domain.account import AccountDates, Caller
from app.service.limits import State


def render(caller: Caller, dates: AccountDates, states: Iterable[State]) -> Mapping[str, Value]:
    """The members of the caller's account; a limit that is off is null."""
    members: dict[str, Value] = {
        "account": caller.account.name,
        "created": instants.format_utc(dates.created_at),
    }
    if dates.suspended_at is not None:
        members["suspended"] = instants.format_utc(dates.suspended_at)
    key = {"id": caller.key_id, "scope": str(caller.scope)}
    limits = {each.limit.name: _render_limit(each) for each in states}
    return {**members, "key": key, "limits": limits}


def _render_limit(state: State) -> Mapping[str, Value]:
    used = {} if state.used is None else {"used": state.used}
    return {"limit": state.allowed, **used}
