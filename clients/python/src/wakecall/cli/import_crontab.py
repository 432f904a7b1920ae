"""Import crontab: prints the jobs of a crontab whose lines run curl or wget, as wakecall.toml."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from wakecall.cli import booking, crontab_lines, import_curl, import_wget
from wakecall.cli.config import toml_string
from wakecall.cli.config_file import VERSION
from wakecall.cli.crontab_lines import Line, NotTaken
from wakecall.cli.failures import Exit
from wakecall.cli.options import Command
from wakecall.cli.output import Json
from wakecall.cli.session import Session, pass_session

_SECRETS: Final = (
    "Headers, payloads and URLs of these lines are in the file as they are, and may hold secrets. "
    "Put { env = … } in their place before others see it."
)


@click.command("crontab", cls=Command)
@click.argument("source", metavar="[FILE]", default="-", type=click.Path(path_type=Path))
@click.option("--user-column", is_flag=True, help="A user follows each schedule: /etc/crontab.")
@click.option(
    "--set", "set_name", metavar="NAME", default="crontab", help="The set; crontab by default."
)
@pass_session
def import_crontab(session: Session, *, source: Path, user_column: bool, set_name: str) -> int:
    """Print the jobs of a crontab as wakecall.toml.

    Lines that run curl or wget become jobs, with their schedule as it is. Other lines are listed on
    standard error, each with the reason. CRON_TZ and TZ give the time zone, and --tz that of the
    lines before them. Nothing is booked. Exits with 1 if no line became a job.
    """
    # Lines that are not UTF-8 are left out, and not the whole crontab for a comment.
    text = booking.read_bytes(source, "FILE").decode("utf-8", "surrogateescape")
    jobs: dict[str, dict[str, Json]] = {}
    numbers: dict[str, int] = {}
    for each in crontab_lines.read(text, has_user=user_column):
        if isinstance(each, tuple):
            _leave_out(session, *each)
            continue
        try:
            job, notes = _job(each)
        except NotTaken as error:
            _leave_out(session, each.number, each.text, f"{error}")
            continue
        except click.ClickException as error:
            _leave_out(session, each.number, each.text, error.format_message())
            continue
        for note in notes:
            session.out.hint(f"Line {each.number}: {note}")
        zone = each.zone or session.options.zone or ("UTC" if session.options.utc else None)
        title = _free_name(import_curl.name_of(f"{job['url']}"), jobs, numbers)
        jobs[title] = {**job, "timezone": zone}
    if any(job["timezone"] is None for job in jobs.values()):
        session.out.hint("Without a zone the times are in UTC: give that of the machine with --tz.")
    if any(_may_hold_secrets(job) for job in jobs.values()):
        session.out.hint(_SECRETS)
    shown = {
        name: {key: value for key, value in job.items() if value not in (None, "", {})}
        for name, job in jobs.items()
    }
    _print(session, shown, set_name)
    return Exit.DONE if jobs else Exit.REFUSED


def _may_hold_secrets(job: Mapping[str, Json]) -> bool:
    """Return whether a job has what often holds secrets: headers, a payload, a query, a login."""
    parts = urlsplit(f"{job['url']}")
    return bool(job.get("headers") or job.get("data") or parts.query or "@" in parts.netloc)


def _job(line: Line) -> tuple[dict[str, Json], list[str]]:
    crontab_lines.check_schedule(line.schedule)
    command = crontab_lines.plain_command(line)
    if command != command.encode("utf-8", "replace").decode():
        raise NotTaken("it is not UTF-8")
    read = import_curl.read if command.startswith("curl ") else import_wget.read
    job, notes = read(command)
    try:
        urlsplit(f"{job['url']}")
    except ValueError:
        raise NotTaken("its URL cannot be read") from None
    return {"url": job.pop("url"), "cron": line.schedule, **job}, notes


def _free_name(name: str, taken: dict[str, dict[str, Json]], numbers: dict[str, int]) -> str:
    """Return a name that no job has; `numbers` are the last ones that equal names got."""
    free = name
    while free in taken:
        numbers[name] = numbers.get(name, 1) + 1
        free = f"{name}-{numbers[name]}"
    return free


def _leave_out(session: Session, number: int, text: str, reason: str) -> None:
    session.out.hint(f"Line {number} is left out: {reason.rstrip('.')}.")
    session.out.hint(f"  {text}")


def _print(session: Session, jobs: dict[str, dict[str, Json]], set_name: str) -> None:
    if session.options.is_json:
        session.out.document([{**job, "name": name} for name, job in jobs.items()])
        return
    parts = [f"version = {VERSION}\nset = {toml_string(set_name)}\n"]
    parts += [import_curl.to_toml(name, job) for name, job in jobs.items()]
    sys.stdout.write("\n".join(parts))
