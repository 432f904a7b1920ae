"""Zones: the IANA time zones by name, and the changes of their clocks, from the tzdata package.

The zone files of the machine are never read: with the locked package, all processes on all machines
have the same zones.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

import tzdata

from app.domain import windows_zones
from app.domain.checks import quoted
from app.errors import InvalidMember

VERSION: Final[str] = tzdata.IANA_VERSION
"""The release of the IANA database in use, as in `2026f`."""
MAX_NAME: Final = 64
FIRST_INSTANT: Final = int(datetime(1969, 12, 30, tzinfo=UTC).timestamp())
LAST_INSTANT: Final = int(datetime(2200, 1, 3, tzinfo=UTC).timestamp())
"""Seconds since 1970 between which clock changes are known: the years of schedules and more."""

# No two changes of one clock are closer together (the tests check every file), so that a clock with
# the same offset at both ends of a step has it in between as well.
_STEP: Final = 6 * 86400
_MAX_NEAR: Final = 3
# The zone of a machine that was never configured.
_NO_ZONE: Final = "Factory"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Zone:
    """A zone and its clock changes; one object for each name."""

    name: str
    info: ZoneInfo
    changes: Sequence[int]
    """Seconds since 1970, ascending."""
    offsets: Sequence[int]
    """Seconds ahead of UTC: before the first change, then after each change."""


@cache
def names() -> frozenset[str]:
    """Return the names that `find` accepts, in exactly this spelling."""
    listed = resources.files(tzdata).joinpath("zones").read_text(encoding="ascii").split()
    return frozenset(listed) - {_NO_ZONE}


def find(name: str) -> Zone:
    """Return the zone of that name; raises InvalidMember for `timezone`, with similar names."""
    if name not in names():
        raise InvalidMember(
            "timezone",
            f"{quoted(name)} is not a time zone of the IANA database.",
            remedy=_remedy(name),
        )
    return _load(name)


@cache
def _load(name: str) -> Zone:
    # The name is one of `names()`, so the path is inside the package.
    with resources.files(tzdata).joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        info = ZoneInfo.from_file(file, key=name)
    changes, offsets = array("q"), array("l", [offset_at(info, FIRST_INSTANT)])
    shown = datetime.fromtimestamp(FIRST_INSTANT, info).utcoffset()
    for begin in range(FIRST_INSTANT, LAST_INSTANT, _STEP):
        end = min(begin + _STEP, LAST_INSTANT)
        ahead = datetime.fromtimestamp(end, info).utcoffset()
        if ahead != shown:
            shown = ahead
            changes.append(change_between(info, begin, end))
            offsets.append(offset_at(info, end))
    return Zone(name=name, info=info, changes=changes, offsets=offsets)


def offset_at(info: ZoneInfo, instant: int) -> int:
    """Return the seconds ahead of UTC at `instant`, which is in seconds since 1970."""
    shown = datetime.fromtimestamp(instant, info).utcoffset()
    return int((shown or timedelta()).total_seconds())


def change_between(info: ZoneInfo, low: int, high: int) -> int:
    """Return the first second after `low` with another offset; one change lies up to `high`."""
    offset = offset_at(info, low)
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(info, middle) == offset:
            low = middle
        else:
            high = middle
    return high


def _remedy(name: str) -> str:
    iana = _of_windows().get(name.strip().lower()) if len(name) <= MAX_NAME else None
    if iana is not None:
        return f"Use {iana}, the IANA name of this Windows time zone."
    near = _near(name) if len(name) <= MAX_NAME else []
    if near:
        return f"Did you mean {' or '.join(near)}? Names of the IANA database are compared exactly."
    return "Use a name of the IANA database, such as Europe/Berlin, or UTC."


@cache
def _of_windows() -> Mapping[str, str]:
    return {name.lower(): iana for name, iana in windows_zones.IANA_NAMES.items()}


def _near(name: str) -> list[str]:
    """Return names that differ in case only, then those of the same place, then similar names."""
    wanted = name.strip().lower().replace(" ", "_")
    lower = {each.lower(): each for each in sorted(names())}
    if wanted in lower:
        return [lower[wanted]]
    places = [each for key, each in lower.items() if wanted and key.endswith(f"/{wanted}")]
    alike = get_close_matches(wanted, lower, n=_MAX_NEAR, cutoff=0.7)
    return list(dict.fromkeys([*places, *(lower[key] for key in alike)]))[:_MAX_NEAR]
