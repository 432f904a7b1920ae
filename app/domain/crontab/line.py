"""Line: divides a line of a crontab into its schedule and its command."""

from __future__ import annotations

from app.domain.crontab.reader import FIELDS
from app.errors import InvalidMember


def split(line: str) -> tuple[str, str]:
    """Return the schedule of a crontab line and the command after it, which may be empty.

    Raises InvalidMember for `cron` for a line without a schedule.
    """
    parts = line.strip().split(None, FIELDS)
    if parts and parts[0].startswith("@"):
        schedule, *command = line.strip().split(None, 1)
        return schedule, "".join(command)
    if len(parts) < FIELDS:
        raise InvalidMember(
            "cron",
            f"The line has {len(parts)} fields, but a crontab line has five and a command.",
            remedy='Give minute, hour, day of month, month and day of week: "30 9 * * 1-5".',
        )
    return " ".join(parts[:FIELDS]), "".join(parts[FIELDS:])
