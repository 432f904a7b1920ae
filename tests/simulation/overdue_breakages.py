"""Overdue breakages: faults of the statement in which a worker claims and takes a backlog."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.simulation.breakage import Breakage

_BREAKAGES: Final = (
    Breakage(
        "begin_overdue: a recurring job is begun as one that ends",
        "begin_overdue",
        "NOT recurring AND next_at IS DISTINCT",
        "next_at IS DISTINCT",
    ),
    Breakage(
        "begin_overdue: no run is stored",
        "begin_overdue",
        "clock_timestamp() + %(renotify_after)s\n  FROM picked",
        "clock_timestamp() + %(renotify_after)s\n  FROM picked WHERE false",
    ),
    Breakage(
        "begin_overdue: a lease of a year",
        "begin_overdue",
        "clock_timestamp() + %(lease)s",
        "clock_timestamp() + %(lease)s + interval '365 days'",
    ),
    Breakage(
        "begin_overdue: a run is never checked",
        "begin_overdue",
        "clock_timestamp() + %(renotify_after)s",
        "'infinity'",
    ),
    Breakage(
        "begin_overdue: the token that is stored is another",
        "begin_overdue",
        "'taken', %(token)s,",
        "'taken', 1,",
    ),
    Breakage(
        "begin_overdue: what is due in a second is begun",
        "begin_overdue",
        "BETWEEN %(first)s AND %(last)s",
        "BETWEEN %(first)s AND %(last)s + 10",
        held_by="the worker that begins a run calls it at its time",
    ),
    Breakage(
        "begin_overdue: a worker is not told when to call",
        "begin_overdue",
        "date_part('epoch', p.next_at - clock_timestamp()) AS remaining",
        "0.0::float8 AS remaining",
    ),
)

OVERDUE: Final = tuple(
    replace(each, by_workers=True, kinds=("once", "single", "close")) for each in _BREAKAGES
)
"""Each breaks a promise where schedulers leave one-time jobs to the workers."""

_TOGETHER: Final = tuple(
    each
    for each in OVERDUE
    if each.name.endswith(
        (": what is due in a second is begun", ": a worker is not told when to call")
    )
)

OVERDUE_PAIRS: Final = (
    Breakage("begin_overdue: what is due in a second is called", also=_TOGETHER, kinds=("close",)),
)
"""Each is one that a second rule holds, with that rule broken as well."""
