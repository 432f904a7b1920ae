"""Timing: the members that say when a job is due, and the trigger they mean."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from app.domain import clocks, instants, zones
from app.domain.checks import quoted
from app.domain.clocks import OnGap, OnOverlap
from app.domain.native.trigger import Cron, Local, NativeTrigger
from app.domain.one_time import At
from app.domain.trigger import Trigger
from app.errors import InvalidMember

_Rule = TypeVar("_Rule", bound=StrEnum)


class Written(Protocol):
    """What tells the time of a job, each member as written; None for one that is absent."""

    @property
    def when(self) -> str | None:
        """An instant, or a local time of `timezone`."""

    @property
    def cron(self) -> str | None:
        """A Quartz expression."""

    @property
    def timezone(self) -> str | None:
        """The name of a zone."""

    @property
    def on_gap(self) -> str | None:
        """A rule for local times that do not exist."""

    @property
    def on_overlap(self) -> str | None:
        """A rule for local times that are shown twice."""


def trigger(written: Written) -> NativeTrigger:
    """The trigger that the members mean; raises InvalidMember."""
    if written.when is not None and written.cron is not None:
        raise InvalidMember("cron", "There are both when and cron.", remedy="Give one of the two.")
    local = _local(written)
    if written.when is not None:
        instant = instants.parse(written.when, member="when")
        return At(instant=instant if local is None else _resolved(written.when, instant, local))
    if written.cron is not None:
        return Cron(expression=written.cron, local=local)
    raise InvalidMember(
        "when",
        "There is neither when nor cron.",
        remedy='Give when, as in "2011-05-11T15:30:00Z", or cron, as in "0 15 10 ? * *".',
    )


def shown(trigger: Trigger) -> dict[str, str]:
    """The members that say so, by the names of Written; rules only if they were given."""
    match trigger:
        case At(instant=instant):
            return {"when": instants.format_utc(instant)}
        case Cron(expression=expression, local=local):
            if local is None:
                return {"cron": expression}
            rules = {"on_gap": local.on_gap, "on_overlap": local.on_overlap}
            return {
                "cron": expression,
                "timezone": local.timezone,
                **{name: rule.value for name, rule in rules.items() if rule is not None},
            }
        case _:
            # Another dialect tells its schedules in words of its own.
            return {}


def showings(zone: zones.Zone, wall: datetime, *, text: str, member: str) -> Sequence[datetime]:
    """The instants at which the zone's clock shows `wall`, which `text` names in `member`.

    Raises InvalidMember.
    """
    try:
        return clocks.instants_of(zone, wall)
    except OverflowError:
        raise InvalidMember(
            member,
            f"In UTC {quoted(text)} lies outside the years 0001 to 9999.",
            remedy="Name a time within these years.",
        ) from None


def _local(written: Written) -> Local | None:
    on_gap = _rule("onGap", written.on_gap, OnGap)
    on_overlap = _rule("onOverlap", written.on_overlap, OnOverlap)
    if written.timezone is not None:
        name = zones.find(written.timezone).name
        return Local(timezone=name, on_gap=on_gap, on_overlap=on_overlap)
    for member, rule in (("onGap", on_gap), ("onOverlap", on_overlap)):
        if rule is not None:
            raise InvalidMember(
                member,
                f"There is {member}, but no timezone; the clock of UTC never changes.",
                remedy=f"Give timezone, or leave {member} out.",
            )
    return None


def _rule(member: str, text: str | None, rules: type[_Rule]) -> _Rule | None:
    if text is None:
        return None
    if text not in set(rules):
        raise InvalidMember(
            member,
            f"{member} is {quoted(text)}.",
            remedy=f"Say {' or '.join(quoted(each) for each in rules)}.",
        )
    return rules(text)


def _resolved(text: str, shown: datetime, local: Local) -> datetime:
    """The instant at which the zone's clock shows the time that `shown` shows in UTC."""
    if not instants.is_local(text):
        raise InvalidMember(
            "timezone",
            "There is a timezone, but when names its offset from UTC itself.",
            remedy="Leave out timezone, or the offset (and Z) of when.",
        )
    if local.on_overlap is OnOverlap.BOTH:
        raise InvalidMember(
            "onOverlap",
            "A job with when is called once, not at both showings of a time.",
            remedy='Say "first" or "second", or give cron.',
        )
    zone, wall = zones.find(local.timezone), shown.astimezone(UTC).replace(tzinfo=None)
    found = showings(zone, wall, text=text, member="when")
    if found:
        return found[0 if local.on_overlap is OnOverlap.FIRST else -1]
    end = clocks.end_of_gap(zone, wall)
    if local.on_gap is OnGap.NEXT:
        return end
    raise InvalidMember(
        "when",
        f"The clock of {zone.name} never shows {quoted(text)}: it goes forward at "
        f"{instants.format_utc(end)}.",
        remedy='Name another time, or say onGap "next" for the first instant after it.',
    )
