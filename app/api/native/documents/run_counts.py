"""Run counts document: how many runs ended in which state in a span of time."""

from __future__ import annotations

from collections.abc import Mapping

from app.api.native.codecs.generic_codec import Value
from app.api.native.documents import accuracy
from app.domain import instants
from app.domain.run import RunState
from app.domain.run_counts import RunCount

_SHOWN = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.DEAD)


def render(counted: RunCount) -> Mapping[str, Value]:
    """The members of the counts of one bucket; lateness only if there is any."""
    members: dict[str, Value] = {"begins": instants.format_utc(counted.begins)}
    members |= {str(state): counted.numbers[state] for state in _SHOWN}
    if counted.lateness is not None:
        members["lateness"] = accuracy.render_lateness(counted.lateness)
    return members
