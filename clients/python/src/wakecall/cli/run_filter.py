"""Run filter: the options that select runs, for lists and for redeliveries."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce, wraps
from typing import Final, TypeVar

import click

from wakecall.cli import options
from wakecall.cli.session import Parameter, Session, past

R = TypeVar("R")

STATES: Final = (
    *("claimed", "taken", "waiting", "running"),
    *("succeeded", "failed", "cancelled", "dead"),
)

_OPTIONS: Final = (
    click.option("--state", "states", multiple=True, metavar="S,...", help=f"{', '.join(STATES)}."),
    click.option("--job", "job", metavar="JOB", help="Only runs of this job: its id or name."),
    click.option(
        "--after",
        metavar="TIME",
        help="Only runs due then or later: an instant, a date, or an age such as 2h.",
    ),
    click.option("--before", metavar="TIME", help="Only runs due before then."),
    click.option("--kind", multiple=True, help="scheduled, manual, event, chained."),
    click.option(
        "--last-status", multiple=True, help="What the newest attempt got: 2xx to 5xx, or error."
    ),
    click.option("--host", help="Only runs that call this host."),
    click.option(
        "--late",
        type=click.FloatRange(0),
        metavar="MS",
        callback=options.finite,
        help="Only runs whose first attempt began so many milliseconds late.",
    ),
)


def filters_runs(command: Callable[..., R]) -> Callable[..., R]:
    """Add the options that select runs; the command gets them as `filters`, parameters of the API.

    The command's first argument is its session.
    """

    @wraps(command)
    def gather(  # noqa: PLR0913 - one for each option
        session: Session,
        *arguments: object,
        states: tuple[str, ...],
        job: str | None,
        after: str | None,
        before: str | None,
        kind: tuple[str, ...],
        last_status: tuple[str, ...],
        host: str | None,
        late: float | None,
        **settings: object,
    ) -> R:
        filters: dict[str, Parameter] = {
            "state": _split(states),
            "job": session.job_id(job) if job else None,
            "after": past(session, after, "--after"),
            "before": past(session, before, "--before"),
            "kind": _split(kind),
            "lastStatus": _split(last_status),
            "host": host,
            "minLatenessMs": late,
        }
        given = {name: value for name, value in filters.items() if value not in (None, [])}
        return command(session, *arguments, filters=given, **settings)

    return reduce(lambda made, option: option(made), reversed(_OPTIONS), gather)


def _split(values: tuple[str, ...]) -> list[str]:
    """Return what several options and commas list."""
    return [part.strip() for each in values for part in each.split(",") if part.strip()]
