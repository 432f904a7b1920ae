"""Schedule: the members that tell when a job fires, and the trigger that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from app.api.native.codecs.schema import Choice
from app.domain import clocks, instants, zones
from app.domain.checks import quoted
from app.domain.clocks import OnGap, OnOverlap
from app.domain.native.trigger import Cron, Local, NativeTrigger
from app.domain.one_time import At
from app.domain.trigger import Trigger
from app.errors import InvalidMember

ON_GAP: Final = Choice(values=tuple(OnGap))
ON_OVERLAP: Final = Choice(values=tuple(OnOverlap))


class ScheduleMembers(Protocol):
    """The members that tell when a job fires, as written; None for one that is absent."""

    @property
    def when(self) -> str | None:
        """An instant, or a local time of `timezone`."""

    @property
    def cron(self) -> str | None:
        """An expression of crontab or Quartz."""

    @property
    def timezone(self) -> str | None:
        """The name of a zone."""

    @property
    def on_gap(self) -> str | None:
        """A rule for local times that do not exist."""

    @property
    def on_overlap(self) -> str | None:
        """A rule for local times that are shown twice."""


def to_trigger(written: ScheduleMembers) -> NativeTrigger:
    """The trigger that the members stand for; raises InvalidMember."""
    if written.when is not None and written.cron is not None:
        raise InvalidMember("cron", "when and cron are both given.", remedy="Give one of the two.")
    local = _to_local(written)
    if written.when is not None:
        instant = instants.parse(written.when, member="when")
        return At(instant=instant if local is None else _resolve(written.when, instant, local))
    if written.cron is not None:
        return Cron(expression=written.cron, local=local)
    raise InvalidMember(
        "when",
        "Neither when nor cron is given.",
        remedy='Give when, as in "2011-05-11T15:30:00Z", or cron, as in "15 10 * * *".',
    )


def render(trigger: Trigger) -> dict[str, str]:
    """The members that show a trigger, by the names of ScheduleMembers; rules only if given."""
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
            # A trigger of another dialect has no such members.
            return {}


def instants_shown_as(
    zone: zones.Zone, wall: datetime, *, text: str, member: str
) -> Sequence[datetime]:
    """The instants at which the zone's clock shows `wall`, which `text` names in `member`.

    Raises InvalidMember.
    """
    try:
        return clocks.instants_of(zone, wall)
    except OverflowError:
        raise InvalidMember(
            member,
            f"In UTC, {quoted(text)} is outside the years 0001 to 9999.",
            remedy="Give a time within these years.",
        ) from None


def _to_local(written: ScheduleMembers) -> Local | None:
    if written.timezone is None and written.on_gap is None and written.on_overlap is None:
        return None
    on_gap = None if written.on_gap is None else OnGap(written.on_gap)
    on_overlap = None if written.on_overlap is None else OnOverlap(written.on_overlap)
    if written.timezone is not None:
        name = zones.find(written.timezone).name
        return Local(timezone=name, on_gap=on_gap, on_overlap=on_overlap)
    for member, rule in (("onGap", on_gap), ("onOverlap", on_overlap)):
        if rule is not None:
            raise InvalidMember(
                member,
                f"{member} is given without timezone; the clock of UTC never changes.",
                remedy=f"Give timezone, or leave {member} out.",
            )
    return None


def _resolve(text: str, shown: datetime, local: Local) -> datetime:
    """The instant at which the zone's clock shows the time that UTC shows at `shown`."""
    if not instants.is_local(text):
        raise InvalidMember(
            "timezone",
            "timezone is given, but when has its own offset from UTC.",
            remedy="Leave out timezone, or the offset (or Z) of when.",
        )
    if local.on_overlap is OnOverlap.BOTH:
        raise InvalidMember(
            "onOverlap",
            "A job with when fires once, so it cannot fire both times that a clock shows a time.",
            remedy='Use "first" or "second", or give cron.',
        )
    zone, wall = zones.find(local.timezone), shown.astimezone(UTC).replace(tzinfo=None)
    found = instants_shown_as(zone, wall, text=text, member="when")
    if found:
        return found[0 if local.on_overlap is OnOverlap.FIRST else -1]
    end = clocks.end_of_gap(zone, wall)
    if local.on_gap is OnGap.NEXT:
        return end
    raise InvalidMember(
        "when",
        f"The clock of {zone.name} never shows {quoted(text)}: it is set forward at "
        f"{instants.format_utc(end)}.",
        remedy='Give another time, or onGap "next" for the first instant after the gap.',
    )
