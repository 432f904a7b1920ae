"""Statements: reads from PostgreSQL's log how long each statement of a page took on the server."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

SETTINGS = {"log_min_duration_statement": "0", "log_min_error_statement": "error"}
"""What the server must be started with."""

_ENTRY = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ UTC \[(\d+)\] LOG:  ", re.MULTILINE)
_DURATION = re.compile(
    r"duration: ([\d.]+) ms  (statement|parse|bind|execute)[^:]*: (.*)", re.DOTALL
)
_CURSOR = re.compile(r'(?:DECLARE|FETCH FORWARD [\w]+ FROM|CLOSE|MOVE [\w ]+ FROM) "([^"]+)"')
_NAMES = re.compile(r'"c_\w+"')
_TRIVIAL = re.compile(r"BEGIN|COMMIT|ROLLBACK|SET |SELECT set_config|DEALLOCATE", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement, its text on one line, and for how long the server was busy with it."""

    text: str
    took_ms: float


def read(log: str) -> list[Statement]:
    """Return the statements of a part of the log, in order.

    Parsing, planning and execution of one statement are added up, as are a cursor's fetches.
    """
    found: list[Statement] = []
    cursors: dict[str, int] = {}
    open_: dict[str, int] = {}
    parts = _ENTRY.split(log)
    for process, entry in zip(parts[1::2], parts[2::2], strict=True):
        timed = _DURATION.match(entry)
        if timed is None:
            continue
        took, kind, text = float(timed[1]), timed[2], " ".join(timed[3].split())
        if _TRIVIAL.match(text):
            continue
        named = _CURSOR.match(text)
        # A statement is parsed and bound, or only bound, before it is executed.
        at = cursors.get(named[1]) if named else open_.get(process)
        if at is None:
            at = len(found)
            found.append(Statement(text=_NAMES.sub('"cursor"', text), took_ms=0.0))
            if named:
                cursors[named[1]] = at
        found[at] = replace(found[at], took_ms=found[at].took_ms + took)
        if kind in {"parse", "bind"}:
            open_[process] = at
        else:
            open_.pop(process, None)
    return found
