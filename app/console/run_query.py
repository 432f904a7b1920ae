"""Run query: the filters of a page of runs, as its address and its form have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from app.api.native.documents import run_cursor, run_filter
from app.console import times
from app.domain import instants
from app.domain.checks import quoted
from app.domain.run import Position, RunState
from app.domain.run_filter import RunFilter
from app.errors import InvalidMember

WITHIN: Final = "within"
OLDER: Final = "older"
NEWER: Final = "newer"
IDS: Final = "id"
ONCE: Final = ("job", "after", "before", "host", run_filter.MIN_LATENESS, WITHIN)
"""Filters that are given at most once."""

MANY: Final = run_filter.REPEATED
"""Filters that are given any number of times."""

_PERIODS: Final = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}
MAX_IDS: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class RunQuery:
    """The filters that an address contains."""

    wanted: RunFilter
    texts: tuple[tuple[str, str], ...]
    """Names and texts of the filters that are not empty, in the order of the form."""

    def values(self, name: str) -> list[str]:
        """Return the texts of a filter."""
        return [text for given, text in self.texts if given == name]

    def value(self, name: str) -> str:
        """Return the text of a filter; empty if it is not given."""
        return next(iter(self.values(name)), "")

    def address(self, **other: str) -> str:
        """Return the query of an address with these filters, in which others replace some."""
        pairs = [(name, text) for name, text in self.texts if name not in other]
        return urlencode([*pairs, *((name, text) for name, text in other.items() if text)])

    @property
    def is_narrow(self) -> bool:
        """Whether any filter is set."""
        return bool(self.texts)


def parse(
    args: Mapping[str, Sequence[str]],
    *,
    zone: ZoneInfo,
    now: datetime,
    allowed: Sequence[RunState] = tuple(RunState),
) -> RunQuery:
    """Return the filters of an address; empty ones are as good as absent.

    Instants without an offset are read in `zone`, as fields for dates and times have none. Raises
    InvalidMember.
    """
    texts = tuple(
        (name, text)
        for name in (*MANY, *ONCE)
        for given in args.get(name, ())
        for text in (given.split(",") if name in MANY else [given])
        if text
    )
    repeated = {name: [text for each, text in texts if each == name] for name in MANY}
    given = {name: text for name, text in texts if name in ONCE}
    for name in ("after", "before"):
        if name in given:
            given[name] = _aware(given[name], zone)
    within = given.pop(WITHIN, None)
    wanted, _ = run_filter.parse(repeated, given, allowed=allowed)
    if within is not None:
        wanted = replace(wanted, after=now - _period(within, wanted))
    return RunQuery(wanted=wanted, texts=texts)


def position(text: str | None) -> Position | None:
    """Return the position of a cursor; raises InvalidMember."""
    return run_cursor.read(text) if text else None


def cursor(after: Position) -> str:
    """Return the cursor of a position."""
    return run_cursor.write(after)


def ids(given: Sequence[str]) -> frozenset[UUID]:
    """Return the ids of selected runs; raises InvalidMember."""
    if len(given) > MAX_IDS:
        raise InvalidMember(
            IDS,
            f"{len(given)} runs are selected.",
            remedy=f"Select at most {MAX_IDS} runs, or redeliver all that match the filters.",
        )
    return frozenset(_ids(given))


def local_text(instant: datetime | None, zone: ZoneInfo) -> str:
    """Return an instant as a field for a date and a time has it, in `zone`; empty for None."""
    if instant is None:
        return ""
    return times.in_zone(instant, zone).replace(tzinfo=None).isoformat(timespec="minutes")


def _ids(given: Sequence[str]) -> Iterator[UUID]:
    for text in given:
        try:
            yield UUID(text)
        except ValueError:
            raise InvalidMember(
                IDS, f"{quoted(text)} is not the id of a run.", remedy="Select runs in the list."
            ) from None


def _aware(text: str, zone: ZoneInfo) -> str:
    """Return the text of an instant, with the offset of `zone` if it has none."""
    if len(text) > instants.MAX_INSTANT or not instants.is_local(text):
        return text
    local = instants.parse(text, member="after").replace(tzinfo=zone)
    try:
        return instants.format_utc(local)
    except OverflowError:
        # In UTC it would be before year 1 or after 9999.
        return text


def _period(text: str, wanted: RunFilter) -> timedelta:
    if wanted.after is not None:
        raise InvalidMember(
            WITHIN, "within and after are both given.", remedy="Give one of the two."
        )
    if text not in _PERIODS:
        raise InvalidMember(
            WITHIN,
            f"{quoted(text)} is not a period.",
            remedy=f"Give one of: {', '.join(_PERIODS)}.",
        )
    return _PERIODS[text]
