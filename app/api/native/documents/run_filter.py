"""Run filter: the runs that a query or a redelivery document selects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID

from app.api.native.codecs.schema import NUMBER
from app.api.native.documents import job_filter, run_cursor
from app.domain import instants
from app.domain.checks import check_between, quoted
from app.domain.run import Position, RunKind, RunState
from app.domain.run_filter import MAX_LATENESS_MS, RunFilter, StatusClass
from app.errors import InvalidMember

_Chosen = TypeVar("_Chosen", bound=StrEnum)

STATE: Final = "state"
KIND: Final = "kind"
LAST_STATUS: Final = "lastStatus"
REPEATED: Final = (STATE, KIND, LAST_STATUS)
"""May be given any number of times, and each time with several values, joined by commas."""

MIN_LATENESS: Final = "minLatenessMs"
CURSOR: Final = "cursor"
TEXTS: Final = ("job", "after", "before", job_filter.HOST, CURSOR)
PARAMETERS: Final = (*TEXTS, MIN_LATENESS)
"""May be given at most once each."""

_ID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def parse(
    repeated: Mapping[str, Sequence[str]],
    given: Mapping[str, Any],
    *,
    allowed: Sequence[RunState],
) -> tuple[RunFilter, Position | None]:
    """The filter, and the position after which to go on; without states, all that are `allowed`.

    `repeated` has the texts of REPEATED, and `given` those of PARAMETERS; MIN_LATENESS may be a
    number. Raises InvalidMember.
    """
    after, before = (_instant(given, name) for name in ("after", "before"))
    if after is not None and before is not None and before <= after:
        raise InvalidMember(
            "before",
            "before must be later than after.",
            remedy="The filter selects runs due at `after` or later and earlier than `before`.",
        )
    host = given.get(job_filter.HOST)
    wanted = RunFilter(
        states=_chosen(STATE, repeated, allowed, "state that can be selected here")
        or frozenset(allowed),
        job_id=_job(given),
        after=after,
        before=before,
        kinds=_chosen(KIND, repeated, tuple(RunKind), "kind of runs"),
        min_lateness_ms=_lateness(given),
        last_status=_chosen(LAST_STATUS, repeated, tuple(StatusClass), "class of statuses"),
        host=None if host is None else job_filter.parse_host(host),
    )
    cursor = given.get(CURSOR)
    return wanted, None if cursor is None else run_cursor.read(cursor)


def _chosen(
    name: str, repeated: Mapping[str, Sequence[str]], allowed: Sequence[_Chosen], called: str
) -> frozenset[_Chosen] | None:
    """The chosen values, None if there are none; raises InvalidMember."""
    texts = [each for text in repeated.get(name, ()) for each in text.split(",")]
    by_text = {str(each): each for each in allowed}
    for text in texts:
        if text not in by_text:
            raise InvalidMember(
                name,
                f"{quoted(text)} is not a {called}.",
                remedy=f"Give one or more of: {', '.join(by_text)}.",
            )
    return frozenset(by_text[text] for text in texts) or None


def _lateness(given: Mapping[str, Any]) -> float | None:
    value = given.get(MIN_LATENESS)
    if isinstance(value, str):
        value = NUMBER.parse(MIN_LATENESS, value)
    if value is None:
        return None
    check_between(MIN_LATENESS, value, 0, MAX_LATENESS_MS, "milliseconds")
    return float(value)


def _job(given: Mapping[str, Any]) -> UUID | None:
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


def _instant(given: Mapping[str, Any], name: str) -> datetime | None:
    text = given.get(name)
    return None if text is None else instants.parse(text, member=name)
