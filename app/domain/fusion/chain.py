"""Chain: jobs that start one another, and the refusal of cycles among them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from app.errors import InvalidMember

MAX_BEFORE: Final = 10_000
"""The most jobs that may come before one in its chains: an account's default limit of tasks."""

_MAX_NAMED: Final = 10


def refuse_cycle(job: str, upstreams: Iterable[str], existing: Mapping[str, Iterable[str]]) -> None:
    """Refuse what `find_cycle` finds; raises InvalidMember for `triggers`, naming the cycle."""
    cycle = find_cycle(job, upstreams, existing)
    if cycle is not None:
        raise cycle_error(cycle)


def cycle_error(cycle: tuple[str, ...]) -> InvalidMember:
    """The error for triggers that close this cycle."""
    return InvalidMember(
        "triggers",
        f"The jobs would start one another endlessly: {format_cycle(cycle)}.",
        remedy="Remove one of these triggers, or let the job follow a job outside the cycle.",
    )


def length_error(job: str) -> InvalidMember:
    """The error for triggers by which more than MAX_BEFORE jobs would come before `job`."""
    return InvalidMember(
        "triggers",
        f"More than {MAX_BEFORE} jobs would come before {job} in its chains.",
        remedy=f"Let the job follow jobs with shorter chains: at most {MAX_BEFORE} jobs before it.",
    )


def find_cycle(
    job: str, upstreams: Iterable[str], existing: Mapping[str, Iterable[str]]
) -> tuple[str, ...] | None:
    """The shortest cycle through `job`, were it to follow `upstreams`; None where there is none.

    `existing` gives the jobs that each of the account's jobs follows; its entry of `job` is
    ignored. In the cycle each job starts the next one; it begins and ends with `job`. Takes time in
    proportion to the jobs and their triggers.
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


def format_cycle(cycle: tuple[str, ...]) -> str:
    """`task:a -> task:b -> task:a`, the middle left out where it is long."""
    named = list(cycle)
    if len(named) > _MAX_NAMED:
        half = _MAX_NAMED // 2
        named = [*named[:half], f"({len(named) - 2 * half} more)", *named[-half:]]
    return " -> ".join(named)


def _onward(job: str, starts: Mapping[str, str]) -> list[str]:
    """`job`, the job that it starts, and so on, up to the one from which the search began."""
    path = [job]
    while path[-1] in starts:
        path.append(starts[path[-1]])
    return path
