"""Crontab lines: divides a crontab into its schedules, commands and zones, and judges a command.

Pure. The schedules are taken as they are: the service reads crontab's five fields itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

_SETTING: Final = re.compile(r"""(["']?)([A-Za-z_][A-Za-z0-9_]*)\1\s*=(.*)""")
_QUOTED: Final = re.compile(r"'[^']*'")
_EXPANDED: Final = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?|\$[(0-9?*@#!$-]|`")
# A run of spaces is read once, from its beginning.
_REDIRECTION: Final = re.compile(r"(?<!\s)\s+(?:[12]?>>?|&>>?)\s*(?:&[12]|[^\s;|&<>()]+)")
_OPERATORS: Final = frozenset("();<>|&")
_FIELDS: Final = 5
_MIN_APART: Final = 10
"""Minutes between two firings of a job, at least."""

_ZONES: Final = ("CRON_TZ", "TZ")
_PART: Final = re.compile(r"(\*|[0-9]{1,3})(?:-([0-9]{1,3}))?(?:/([0-9]{1,3}))?")


class NotTaken(Exception):
    """Why a line does not become a job."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line with a schedule: its number, and what of it is needed for a job."""

    number: int
    text: str
    schedule: str
    command: str
    zone: str | None
    settings: Mapping[str, str] = field(default_factory=dict)
    """The environment that the lines before it set."""


def read(text: str, *, has_user: bool) -> Iterator[Line | tuple[int, str, str]]:
    """Yield the lines of a crontab that have a schedule.

    A line that cannot be read is yielded as its number, its text and the reason. `has_user` tells
    whether a user follows the schedule, as in /etc/crontab.
    """
    settings: dict[str, str] = {}
    is_shared = False
    zone: str | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        setting = _SETTING.fullmatch(line)
        if setting is not None:
            name, value = setting[2], _unquoted(setting[3].strip())
            if name in _ZONES:
                zone = value or None
            else:
                # A line keeps what was set before it: copying for each setting would be quadratic.
                settings = dict(settings) if is_shared else settings
                settings[name], is_shared = value, False
            continue
        try:
            schedule, command = _split(line, has_user=has_user)
        except NotTaken as error:
            yield number, line, f"{error}"
            continue
        is_shared = True
        yield Line(
            number=number,
            text=line,
            schedule=schedule,
            command=command,
            zone=zone,
            settings=settings,
        )


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _split(line: str, *, has_user: bool) -> tuple[str, str]:
    parts = 1 if line.startswith("@") else _FIELDS
    found = line.split(None, parts + has_user)
    if len(found) <= parts + has_user:
        raise NotTaken("it has no schedule and command")
    return " ".join(found[:parts]), found[-1]


def check_schedule(schedule: str) -> None:
    """Raise NotTaken for a schedule that the service does not take."""
    if schedule.startswith("@"):
        if schedule.lower() == "@reboot":
            raise NotTaken("no machine starts here: @reboot has no meaning")
        return
    minute, hour = schedule.split()[:2]
    minutes, hours = _values(minute, 59), _values(hour, 23)
    gaps = [later - each for each, later in pairwise(minutes)]
    if any((each + 1) % 24 in hours for each in hours):
        gaps.append(60 - minutes[-1] + minutes[0])
    if min(gaps, default=_MIN_APART) < _MIN_APART:
        raise NotTaken(f"it fires more often than every {_MIN_APART} minutes")


def _values(text: str, high: int) -> list[int]:
    values: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise NotTaken(f"{text!r} cannot be read")
        start, stop, step = match.groups()
        if step is not None and start != "*" and stop is None:
            raise NotTaken(f"crons read {text!r} in different ways; write a range")
        first, last = (0, high) if start == "*" else (int(start), int(stop or start))
        every = int(step or 1)
        if not first <= last <= high or not every:
            raise NotTaken(f"{text!r} cannot be read")
        values.update(range(first, last + 1, every))
    return sorted(values)


def plain_command(line: Line) -> str:
    """Return the curl or wget command of a line, without redirections and with its variables.

    Raises NotTaken for any other command, and for what only a shell can do.
    """
    command = line.command.replace("\\%", "\0")
    if "%" in command:
        raise NotTaken("it has a % that stands for a new line of its input")
    command = command.replace("\0", "%")
    command = _expanded(_without_redirections(command), line.settings)
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError as error:
        raise NotTaken(f"it cannot be read as a shell does: {error}") from None
    if any(word and set(word) <= _OPERATORS for word in words):
        raise NotTaken("it needs a shell: a job makes one request")
    program = words[0].rpartition("/")[2] if words else ""
    if program not in ("curl", "wget"):
        raise NotTaken("it is neither curl nor wget")
    return shlex.join([program, *words[1:]])


def _without_redirections(command: str) -> str:
    """Return a command without the redirections at its end."""
    command = command.rstrip()
    for each in reversed(list(_REDIRECTION.finditer(command))):
        if each.end() != len(command):
            break
        command = command[: each.start()]
    return command


def _expanded(command: str, settings: Mapping[str, str]) -> str:
    """Return a command with the variables that the crontab sets."""

    def put(found: re.Match[str]) -> str:
        name = found[1]
        if name is None or name not in settings:
            raise NotTaken(f"it needs {found[0]} from a shell; write it as {{ env = … }} by hand")
        return settings[name]

    parts: list[str] = []
    end = 0
    # Between single quotes nothing is expanded.
    for quoted in _QUOTED.finditer(command):
        parts += [_EXPANDED.sub(put, command[end : quoted.start()]), quoted[0]]
        end = quoted.end()
    return "".join([*parts, _EXPANDED.sub(put, command[end:])])
