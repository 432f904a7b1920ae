"""Logs: one JSON object a line on standard error, an event name plus fields."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

_common: dict[str, str] = {"process": "unnamed"}


def configure(process: str, level: str = "info") -> None:
    """Send this process's log lines to standard error, each naming the `process` kind."""
    numeric = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    _common["process"] = process
    structlog.configure(
        processors=[
            _name_process,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(numeric, logging.WARNING), stream=sys.stderr)


def lines(event: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write many lines of one event at once, at level info: for what happens by the thousand."""
    if not logger.is_enabled_for(logging.INFO):
        return
    common = {**_common, "event": event, "level": "info", "timestamp": datetime.now(UTC)}
    written = bytearray()
    for row in rows:
        written += orjson.dumps({**row, **common}, option=orjson.OPT_APPEND_NEWLINE)
    sys.stderr.buffer.write(written)
    sys.stderr.flush()


def _name_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.update(_common)
    return event


logger: structlog.stdlib.BoundLogger = structlog.get_logger()
