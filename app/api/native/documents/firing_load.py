"""Firing load document: how many jobs fire next in each hour of a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from app.api.native.codecs.generic_codec import Value
from app.api.native.codecs.schema import without_none
from app.domain import instants
from app.domain.firing_load import FiringLoad


def render(load: FiringLoad) -> Mapping[str, Value]:
    """The members of the load; `busiest` and `countedUntil` only if there are any."""
    busiest = load.busiest
    return without_none(
        {
            "hours": [
                {
                    "begins": instants.format_utc(load.begins + number * timedelta(hours=1)),
                    "firings": count,
                }
                for number, count in enumerate(load.counts)
            ],
            "overdue": load.overdue,
            "busiest": None
            if busiest is None
            else {"begins": instants.format_utc(busiest.begins), "firings": busiest.count},
            "countedUntil": None
            if load.counted_until is None
            else instants.format_utc(load.counted_until),
        }
    )
