"""Booking: the options that describe a job, and the document that they make."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import reduce, wraps
from pathlib import Path
from typing import Final, TypeVar

import click

from wakecall.cli import options, times
from wakecall.cli.output import Json
from wakecall.cli.session import Session

R = TypeVar("R")

RETRIES: Final[Mapping[str, Json]] = {
    "none": {"maxAttempts": 1},
    "fast": {"schedule": [1, 5, 15, 60]},
    "standard": None,
    "patient": {"maxAttempts": 12, "backoff": {"initial": 60, "factor": 2, "max": 43_200}},
}
"""The policies of `--retry`, which are those of the console; None omits the member."""

UTC: Final = "UTC"
"""The time zone of an expression beside which no other is named."""

MAX_DATA_BYTES: Final = 2048
_MAX_FILE_BYTES: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """What the options tell about a job."""

    at: str | None
    ahead: str | None
    cron: str | None
    on_gap: str | None
    on_overlap: str | None
    data: str | None
    data_file: Path | None
    json_data: str | None
    content_type: str | None
    header: tuple[str, ...]
    tag: tuple[str, ...]
    method: str | None
    retry: str | None
    call_timeout: float | None
    misfire: str | None
    on_success: str | None
    on_failure: str | None


_OPTIONS: Final = (
    click.option("--at", metavar="TIME", help="Once, at this instant: 2027-05-11T17:30."),
    click.option("--in", "ahead", metavar="SPAN", help="Once, so far ahead: 30s, 10m, 1h30m."),
    click.option(
        "--cron",
        metavar="EXPRESSION",
        help="Again and again: five fields as in a crontab, or six or seven as in Quartz. "
        "The expression is in UTC unless --tz names a zone; `job set` keeps the zone of the job.",
    ),
    click.option(
        "--on-gap",
        type=click.Choice(["skip", "next"]),
        help="What to do with local times that do not exist, because a clock goes forward.",
    ),
    click.option(
        "--on-overlap",
        type=click.Choice(["first", "second", "both"]),
        help="What to do with local times that occur twice, because a clock goes back.",
    ),
    click.option("--data", metavar="TEXT", help="The payload."),
    click.option(
        "--data-file",
        type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
        help="A file with the payload, byte for byte; - is standard input.",
    ),
    click.option("--json-data", metavar="JSON", help="The payload, sent as application/json."),
    click.option("--content-type", metavar="TYPE", help="The media type of the payload."),
    click.option("--header", multiple=True, metavar="NAME:VALUE", help="A header of the call."),
    click.option("--tag", multiple=True, help="A tag, by which lists are filtered."),
    click.option("--method", metavar="METHOD", help="The method of the call; POST by default."),
    click.option(
        "--retry",
        metavar="POLICY",
        help=f"{', '.join(RETRIES)}, or a file with the JSON of `retry`.",
    ),
    click.option(
        "--call-timeout",
        type=float,
        metavar="SECONDS",
        callback=options.finite,
        help="The time limit of a call; 15.",
    ),
    click.option(
        "--misfire",
        type=click.Choice(["one", "all", "skip"]),
        help="Which of several firings that were missed are made.",
    ),
    click.option("--on-success", metavar="URL", help="Receives an event when a run succeeds."),
    click.option("--on-failure", metavar="URL", help="Receives an event when a run fails."),
)


def describes_job(command: Callable[..., R]) -> Callable[..., R]:
    """Add the options that describe a job; the command gets them together, as `described`."""

    @wraps(command)
    def gather(*arguments: object, **settings: object) -> R:
        own = {each.name: settings.pop(each.name) for each in fields(Described)}
        described = Described(**own)  # type: ignore[arg-type]  # click has converted them
        return command(*arguments, described=described, **settings)

    return reduce(lambda made, option: option(made), reversed(_OPTIONS), gather)


def members(session: Session, given: Described) -> dict[str, Json]:
    """Return the members of a job's document that the options set. Raises click's errors."""
    found = {
        **_schedule(session, given),
        **_payload(given),
        "method": given.method.upper() if given.method else None,
        "headers": dict(header_of(each) for each in given.header) or None,
        "tags": list(given.tag) or None,
        "timeout": given.call_timeout,
        "misfire": given.misfire,
        "onSuccess": given.on_success,
        "onFailure": given.on_failure,
        "retry": retry_of(given.retry) if given.retry else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _schedule(session: Session, given: Described) -> dict[str, Json]:
    ways = {"--at": given.at, "--in": given.ahead, "--cron": given.cron}
    chosen = [name for name, value in ways.items() if value is not None]
    if len(chosen) > 1:
        raise click.UsageError(f"Give one of {' and '.join(chosen)}.")
    rules = {"onGap": given.on_gap, "onOverlap": given.on_overlap}
    try:
        if given.ahead is not None:
            ahead = session.out.now + times.parse_span(given.ahead)
            return {"when": times.iso_utc(ahead), **rules}
        if given.at is not None:
            # The rules are used here: the service gets an instant, beside which it refuses them.
            at = times.parse_instant(
                given.at, session.zone, on_gap=given.on_gap, on_overlap=given.on_overlap
            )
            return {"when": times.iso_utc(at)}
    except ValueError as error:
        raise click.BadParameter(f"{error}", param_hint=chosen[0]) from None
    if given.cron is None:
        return rules
    zone = zone_of_cron(session)
    return {"cron": given.cron, "timezone": None if zone == UTC else zone, **rules}


def zone_of_cron(session: Session) -> str | None:
    """Return the time zone that the options name for an expression; None if they name none."""
    return UTC if session.options.utc else session.options.zone


def _payload(given: Described) -> dict[str, Json]:
    ways = {"--data": given.data, "--data-file": given.data_file, "--json-data": given.json_data}
    chosen = [name for name, value in ways.items() if value is not None]
    if len(chosen) > 1:
        raise click.UsageError(f"Give one of {' and '.join(chosen)}.")
    found: dict[str, Json] = {"contentType": given.content_type}
    if given.data is not None:
        found["data"] = given.data
    elif given.data_file is not None:
        found |= payload_of(read_bytes(given.data_file, "--data-file"))
    elif given.json_data is not None:
        try:
            json.loads(given.json_data)
        except ValueError as error:
            raise click.BadParameter(
                f"It is not JSON: {error}.", param_hint="--json-data"
            ) from None
        found["data"] = given.json_data
        found["contentType"] = given.content_type or "application/json"
    return found


def payload_of(body: bytes) -> dict[str, Json]:
    """Return the members that carry a payload byte for byte."""
    try:
        return {"data": body.decode()}
    except UnicodeDecodeError:
        return {"data": base64.b64encode(body).decode(), "dataEncoding": "base64"}


def read_bytes(path: Path, option: str) -> bytes:
    """Return the content of a file; `-` is standard input. Raises click's errors."""
    try:
        if f"{path}" == "-":
            found = sys.stdin.buffer.read(_MAX_FILE_BYTES + 1)
        else:
            with path.open("rb") as file:
                found = file.read(_MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        # A name with a NUL is a ValueError.
        reason = getattr(error, "strerror", None) or f"{error}"
        raise click.BadParameter(f"{path} cannot be read: {reason}.", param_hint=option) from None
    if len(found) > _MAX_FILE_BYTES:
        raise click.BadParameter(f"{path} has more than 1 MiB.", param_hint=option)
    return found


def retry_of(policy: str) -> Json:
    """Return the `retry` of a policy's name, or of a file with its JSON. Raises click's errors."""
    if policy in RETRIES:
        return RETRIES[policy]
    try:
        found = json.loads(read_bytes(Path(policy), "--retry"))
    except click.BadParameter as error:
        raise click.BadParameter(
            f"{error.message} Give a file, or one of {', '.join(RETRIES)}.", param_hint="--retry"
        ) from None
    except ValueError as error:
        raise click.BadParameter(f"{policy} is not JSON: {error}.", param_hint="--retry") from None
    if not isinstance(found, dict):
        raise click.BadParameter(f"{policy} is not an object.", param_hint="--retry")
    return found


def header_of(line: str) -> tuple[str, str]:
    """Return the name and the value of `NAME:VALUE`. Raises click's errors."""
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f"{line!r} is not NAME:VALUE.", param_hint="--header")
    return name.strip(), value.strip()
