"""Page context: for whom, at which instant and in which zone the page of this request is made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from flask import g, request

THEME_COOKIE: Final = "wakecall_theme"
ZONE_COOKIE: Final = "wakecall_zone"
THEMES: Final = ("light", "dark")
IN_UTC: Final = "utc"
IN_OWN: Final = "own"
OF_JOB: Final = "job"
"""The values of the cookie: all times in UTC, in the person's zone, or in that of the job."""
_UTC: Final = "UTC"


class Person(Protocol):
    """What pages show of the person who is signed in."""

    @property
    def email(self) -> str:
        """The address with which the person signs in."""

    @property
    def account_name(self) -> str:
        """The account whose data is shown."""

    @property
    def zone(self) -> str:
        """The name of the person's time zone."""

    @property
    def hours(self) -> int:
        """Whether the person reads 24 or 12 hours a day."""

    @property
    def operator(self) -> bool:
        """Whether the person runs this service."""

    @property
    def now(self) -> datetime:
        """The database's clock, as it was when the person's session was read."""


def person() -> Person | None:
    """Return the person who is signed in, as the decorator of the view found; None for nobody."""
    found: Person | None = g.get("viewer")
    return found


def now() -> datetime:
    """Return the instant at which this request is answered, the same all over the page.

    By the database's clock, which made the times that pages show and select by; by the clock of
    this machine where nobody is signed in.
    """
    if "console_now" not in g:
        found = person()
        g.console_now = datetime.now(UTC) if found is None else found.now
    instant: datetime = g.console_now
    return instant


def hours() -> int:
    """Return 24 or 12: how the person reads the hours of a day."""
    found = person()
    return 24 if found is None else found.hours


def zone() -> ZoneInfo:
    """Return the zone of the page's times: the person's, unless the person chose another one."""
    return ZoneInfo(dict(zones())[shown_zone()])


def shown_zone() -> str:
    """Return which of `zones` the page's times are in."""
    offered = [value for value, _ in zones()]
    chosen = request.cookies.get(ZONE_COOKIE)
    return chosen if chosen in offered else offered[0]


def zones() -> list[tuple[str, str]]:
    """Return the zones between which the person may switch: value of the cookie, and name.

    The zone of a job is offered on its pages, which set `job_zone`.
    """
    found = person()
    own = _UTC if found is None else found.zone
    offered = [(IN_OWN, own)] if own != _UTC else []
    offered.append((IN_UTC, _UTC))
    of_job: str | None = g.get("job_zone")
    if of_job is not None and of_job not in {own, _UTC}:
        offered.append((OF_JOB, of_job))
    return offered


def offset_s() -> int:
    """Return how many seconds the page's zone is ahead of UTC now."""
    return int((now().astimezone(zone()).utcoffset() or timedelta()).total_seconds())


def theme() -> str:
    """Return `light` or `dark`, or an empty text for that of the person's system."""
    found = request.cookies.get(THEME_COOKIE, "")
    return found if found in THEMES else ""
