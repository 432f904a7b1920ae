"""Account document: the account's name, its dates and its limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.api.native.codecs.generic_codec import Value
from app.domain import instants
from app.domain.account import AccountDates
from app.service.limits import State


def render(name: str, dates: AccountDates, states: Iterable[State]) -> Mapping[str, Value]:
    """The members of an account; a limit that is off is null."""
    members: dict[str, Value] = {
        "account": name,
        "created": instants.format_utc(dates.created_at),
    }
    if dates.suspended_at is not None:
        members["suspended"] = instants.format_utc(dates.suspended_at)
    return {**members, "limits": {each.limit.name: _render_limit(each) for each in states}}


def _render_limit(state: State) -> Mapping[str, Value]:
    used = {} if state.used is None else {"used": state.used}
    return {"limit": state.allowed, **used}
