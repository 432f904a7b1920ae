"""Chain: jobs that start one another, and the cycles that must not come of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from app.errors import InvalidMember

MAX_BEFORE: Final = 10_000
"""Jobs that may come before one in its chains, as many as an account has tasks by default."""

_MAX_NAMED: Final = 10


def refuse_cycle(job: str, upstreams: Iterable[str], existing: Mapping[str, Iterable[str]]) -> None:
    """Refuse what `find_cycle` finds; raises InvalidMember for `triggers`, naming the cycle."""
    cycle = find_cycle(job, upstreams, existing)
    if cycle is not None:
        raise endless(cycle)


def endless(cycle: tuple[str, ...]) -> InvalidMember:
    """The refusal of a trigger that closes this cycle."""
    return InvalidMember(
        "triggers",
        f"The jobs would start one another without end: {in_words(cycle)}.",
        remedy="Take away one of these triggers, or let it follow a job outside the cycle.",
    )


def too_long(job: str) -> InvalidMember:
    """The refusal of triggers by which more than MAX_BEFORE jobs would come before one."""
    return InvalidMember(
        "triggers",
        f"More than {MAX_BEFORE} jobs would come before {job} in its chains.",
        remedy=f"Let it follow jobs that have fewer before them, {MAX_BEFORE} in all.",
    )


def find_cycle(
    job: str, upstreams: Iterable[str], existing: Mapping[str, Iterable[str]]
) -> tuple[str, ...] | None:
    """The shortest cycle through `job`, were it to follow `upstreams`; None where there is none.

    `existing` tells which jobs each of the account's jobs follows; what it says of `job` is
    replaced. The cycle runs from each job to one that it starts, from `job` to `job`. Takes time
    in proportion to the jobs and their triggers.
    """
    starts: dict[str, str] = {}
    ahead: deque[tuple[str, Iterable[str]]] = deque([(job, upstreams)])
    while ahead:
        started, by = ahead.popleft()
        for upstream in by:
            if upstream == job:
                return (job, *_onward(started, starts))
            if upstream not in starts:
                starts[upstream] = started
                ahead.append((upstream, existing.get(upstream, ())))
    return None


def in_words(cycle: tuple[str, ...]) -> str:
    """`task:a -> task:b -> task:a`, the middle left out where it is long."""
    named = list(cycle)
    if len(named) > _MAX_NAMED:
        half = _MAX_NAMED // 2
        named = [*named[:half], f"({len(named) - 2 * half} more)", *named[-half:]]
    return " -> ".join(named)


def _onward(job: str, starts: Mapping[str, str]) -> list[str]:
    """`job` and what it starts, and so on to the first that was looked at."""
    path = [job]
    while path[-1] in starts:
        path.append(starts[path[-1]])
    return path
