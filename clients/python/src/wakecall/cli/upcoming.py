"""Upcoming: the command that lists what the jobs of the account do next."""

from __future__ import annotations

from datetime import timedelta

import click

from wakecall.cli import options, times, views
from wakecall.cli.options import Command
from wakecall.cli.session import Session, future, pass_session


@click.command(cls=Command)
@click.option(
    "--hours",
    type=click.FloatRange(min=0, min_open=True),
    callback=options.finite,
    help="How far ahead; 24.",
)
@click.option("--until", metavar="TIME", help="Only firings before this.")
@click.option("--tag", multiple=True, help="Only jobs with this tag.")
@click.option("--name", help="Only jobs whose name begins with this.")
@click.option("--host", help="Only jobs that call this host.")
@click.option("--limit", type=click.IntRange(1), default=100, help="How many at most; 100.")
@click.option("--all", "every", is_flag=True, help="All firings, however many.")
@pass_session
def upcoming(
    session: Session,
    *,
    hours: float | None,
    until: str | None,
    tag: tuple[str, ...],
    name: str | None,
    host: str | None,
    limit: int,
    every: bool,
) -> None:
    """List the next firing of each job, the earliest first."""
    if hours is not None and until is not None:
        raise click.UsageError("Give one of --hours and --until.")
    found = session.list(
        "/1/upcoming",
        {
            "until": future(session, until, "--until") or _ahead(session, hours or 24),
            "tag": tag,
            "namePrefix": name,
            "host": host,
        },
        most=None if every else limit,
    )
    count = session.out.rows(found, views.upcoming_columns(session.out), of="job")
    if session.out.format == "table":
        more = ", and more: --all" if found.has_more else ""
        session.out.hint(f"{count} job{'' if count == 1 else 's'}{more}.")


def _ahead(session: Session, hours: float) -> str:
    """Return the instant so many hours from now. Raises click's errors."""
    try:
        return times.iso_utc(session.out.now + timedelta(hours=hours))
    except OverflowError:
        raise click.BadParameter(f"{hours:g} is out of range.", param_hint="--hours") from None
