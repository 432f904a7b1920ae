"""Run filter: the runs that a query or a redelivery document selects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from app.api.native.documents import run_cursor
from app.domain import instants
from app.domain.checks import quoted
from app.domain.run import Position, RunFilter, RunState
from app.errors import InvalidMember

STATE: Final = "state"
"""May be given any number of times, and each time with several states, joined by commas."""

CURSOR: Final = "cursor"
PARAMETERS: Final = ("job", "after", "before", CURSOR)
"""May be given at most once each."""

_ID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def parse(
    states: Sequence[str], given: Mapping[str, str], *, allowed: Sequence[RunState]
) -> tuple[RunFilter, Position | None]:
    """The filter, and the position after which to go on; without states, all that are `allowed`.

    `given` has the texts of PARAMETERS. Raises InvalidMember.
    """
    after, before = (_instant(given, name) for name in ("after", "before"))
    if after is not None and before is not None and before <= after:
        raise InvalidMember(
            "before",
            "before must be later than after.",
            remedy="The filter selects runs due at `after` or later and earlier than `before`.",
        )
    wanted = RunFilter(
        states=_states(states, allowed), job_id=_job(given), after=after, before=before
    )
    cursor = given.get(CURSOR)
    return wanted, None if cursor is None else run_cursor.read(cursor)


def _states(given: Sequence[str], allowed: Sequence[RunState]) -> frozenset[RunState]:
    names = [name for text in given for name in text.split(",")]
    for name in names:
        if name not in allowed:
            raise InvalidMember(
                STATE,
                f"{quoted(name)} is not a state that can be selected here.",
                remedy=f"Give one or more of: {', '.join(allowed)}.",
            )
    return frozenset(map(RunState, names)) if names else frozenset(allowed)


def _job(given: Mapping[str, str]) -> UUID | None:
    text = given.get("job")
    if text is None:
        return None
    if not _ID.fullmatch(text):
        raise InvalidMember(
            "job",
            f"{quoted(text)} is not the id of a job.",
            remedy="Give an id as GET /1/jobs lists it. The job may have ended.",
        )
    return UUID(text)


def _instant(given: Mapping[str, str], name: str) -> datetime | None:
    text = given.get(name)
    return None if text is None else instants.parse(text, member=name)
