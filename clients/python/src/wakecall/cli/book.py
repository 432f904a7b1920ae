"""Book: the command that books a job."""

from __future__ import annotations

from datetime import timedelta

import click

from wakecall.cli import booking, times, views, waiting
from wakecall.cli.options import Command, idempotency_key
from wakecall.cli.output import Output, Row
from wakecall.cli.session import Session, pass_session


@click.command(
    cls=Command,
    epilog="\b\nExamples:\n"
    "  wakecall book https://example.com/wake --in 10s --data 'Wake up!' --wait\n"
    "  wakecall book https://example.com/invoices --cron '15 10 * * 1-5' --tz Europe/Berlin",
)
@click.argument("target", metavar="URL")
@booking.describes_job
@click.option("--name", help="A name, unique in the account.")
@click.option("--paused", is_flag=True, help="Book the job paused.")
@click.option("--check", is_flag=True, help="Only check the booking; store nothing.")
@waiting.waits
@idempotency_key()
@pass_session
def book(  # noqa: PLR0913 - one for each option
    session: Session,
    *,
    target: str,
    name: str | None,
    paused: bool,
    check: bool,
    wait: bool,
    wait_for: timedelta | None,
    idempotency_key: str | None,
    described: booking.Described,
) -> int:
    """Book a call of URL: once (--at, --in) or again and again (--cron)."""
    wait = wait or wait_for is not None
    if check and wait:
        raise click.UsageError("--wait has nothing to wait for with --check.")
    document = {"url": target, **booking.members(session, described)}
    if "when" not in document and "cron" not in document:
        raise click.UsageError("Give one of --at, --in and --cron.")
    if name is not None:
        document["name"] = name
    if paused:
        document["enabled"] = False
    job = session.ask(
        "POST",
        "/1/jobs",
        query={"dryRun": "true"} if check else None,
        document=document,
        idempotency_key=idempotency_key,
    )
    if not wait or not session.options.is_json:
        _show(session, job, is_check=check)
    if not wait:
        return 0
    run = waiting.follow_job(session, job, wait_for)
    if session.options.is_json:
        session.out.document(run)
    return waiting.exit_code(run)


def _show(session: Session, job: Row, *, is_check: bool) -> None:
    text = sentence(session.out, job, is_check=is_check)
    if is_check and session.out.format != "table" and not session.options.is_json:
        # What was only checked has no id, which is what programs get of a booking.
        session.out.line(session.out.plain(views.due_of(job)) or text)
    else:
        session.out.one(job, text)


def sentence(out: Output, job: Row, *, is_check: bool) -> str:
    """Return what was booked, or what would be."""
    at = views.due_of(job)
    what = "It would be booked" if is_check else f"Booked {job.get('id')}"
    if job.get("enabled") is False:
        return f"{what}, paused."
    if at is None:
        return f"{what}."
    day = times.in_zone(at, out.zone).date() == out.now.astimezone(out.zone).date()
    shown = times.clock(at, out.zone) if day else times.day_and_time(at, out.zone, out.now)
    again = f", then {views.schedule_of(job)}" if job.get("cron") else ""
    return f"{what} for {shown} ({times.distance(at, out.now)}){again}"
