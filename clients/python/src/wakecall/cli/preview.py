"""Preview: the command that shows what a schedule would do."""

from __future__ import annotations

import click

from wakecall.cli import times
from wakecall.cli.jobs import firing_columns
from wakecall.cli.options import Command
from wakecall.cli.output import Json
from wakecall.cli.session import Session, future, pass_session


@click.command(cls=Command)
@click.option("--cron", metavar="EXPRESSION", help="Five fields as in a crontab, or Quartz's.")
@click.option("--at", metavar="TIME", help="An instant.")
@click.option("--on-gap", type=click.Choice(["skip", "next"]), help="As for `book`.")
@click.option("--on-overlap", type=click.Choice(["first", "second", "both"]), help="As for `book`.")
@click.option("--after", metavar="TIME", help="Count from then; from now by default.")
@click.option("-n", "count", type=click.IntRange(1, 100), default=5, help="How many firings; 5.")
@pass_session
def preview(
    session: Session,
    *,
    cron: str | None,
    at: str | None,
    on_gap: str | None,
    on_overlap: str | None,
    after: str | None,
    count: int,
) -> int:
    """Show a schedule in English, its next firings, and what clock changes do to it.

    Exits with 1 if the schedule cannot be booked.
    """
    if (cron is None) == (at is None):
        raise click.UsageError("Give one of --cron and --at.")
    zone = None if session.options.utc else session.options.zone
    document: dict[str, Json] = {
        "cron": cron,
        "when": _when(session, at, on_gap, on_overlap) if at else None,
        "timezone": zone if cron else None,
        # The rules for an instant are used where it is read.
        "onGap": on_gap if cron else None,
        "onOverlap": on_overlap if cron else None,
        "after": future(session, after, "--after"),
        "count": count,
    }
    shown = session.ask("POST", "/1/preview", document=document)
    if session.options.is_json:
        session.out.document(shown)
        return _code(shown)
    if session.out.format == "table":
        session.out.line(f"{shown['summary']}")
    session.out.rows(shown["next"], firing_columns(session), of="utc")
    for each in (*shown["reasons"], *shown["warnings"]):
        session.out.hint(f"! {each}")
    return _code(shown)


def _when(session: Session, text: str, on_gap: str | None, on_overlap: str | None) -> str:
    try:
        at = times.parse_future(
            text, session.zone, session.out.now, on_gap=on_gap, on_overlap=on_overlap
        )
    except ValueError as error:
        raise click.BadParameter(f"{error}", param_hint="--at") from None
    return times.iso_utc(at)


def _code(shown: Json) -> int:
    return 0 if shown["bookable"] else 1
