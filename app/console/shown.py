"""Shown: for whom, at which instant and in which zone the page of this request is made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from flask import g, request

THEME_COOKIE: Final = "wakecall_theme"
ZONE_COOKIE: Final = "wakecall_zone"
THEMES: Final = ("light", "dark")
IN_UTC: Final = "utc"
"""The value of the cookie of a person who wants all times in UTC."""
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


def person() -> Person | None:
    """Return the person who is signed in, as the decorator of the view found; None for nobody."""
    found: Person | None = g.get("viewer")
    return found


def now() -> datetime:
    """Return the instant at which this request is answered, the same all over the page."""
    if "console_now" not in g:
        g.console_now = datetime.now(UTC)
    found: datetime = g.console_now
    return found


def hours() -> int:
    """Return 24 or 12: how the person reads the hours of a day."""
    found = person()
    return 24 if found is None else found.hours


def zone() -> ZoneInfo:
    """Return the zone of the page's times: the person's, or UTC where the person chose that."""
    found = person()
    if found is None or request.cookies.get(ZONE_COOKIE) == IN_UTC:
        return ZoneInfo(_UTC)
    return ZoneInfo(found.zone)


def zones() -> list[tuple[str, str]]:
    """Return the zones between which the person may switch: value of the cookie, and name."""
    found = person()
    own = _UTC if found is None else found.zone
    return [(IN_UTC, _UTC)] if own == _UTC else [("own", own), (IN_UTC, _UTC)]


def theme() -> str:
    """Return `light` or `dark`, or an empty text for that of the person's system."""
    found = request.cookies.get(THEME_COOKIE, "")
    return found if found in THEMES else ""
