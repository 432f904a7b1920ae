"""Account document: the account's name and its limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.api.native.codecs.generic_codec import Value
from app.service.limits import State


def render(name: str, states: Iterable[State]) -> Mapping[str, Value]:
    """The members of an account; a limit that is off is null."""
    return {"account": name, "limits": {each.limit.name: _render_limit(each) for each in states}}


def _render_limit(state: State) -> Mapping[str, Value]:
    used = {} if state.used is None else {"used": state.used}
    return {"limit": state.allowed, **used}
