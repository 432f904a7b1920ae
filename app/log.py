"""Logs: one JSON object a line on standard error, an event name plus fields."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_common: dict[str, str] = {"process": "unnamed"}
# Class 22 of SQLSTATE, whose messages quote the value that could not be taken.
_DATA_EXCEPTION: Final = "22"


def configure(process: str, level: str = "info") -> None:
    """Send this process's log lines to standard error, each naming the `process` kind."""
    numeric = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    _common["process"] = process
    structlog.configure(
        processors=[
            _name_process,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(format_exception),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(logging.BASIC_FORMAT))
    logging.basicConfig(level=max(numeric, logging.WARNING), handlers=[handler])


def in_words(error: BaseException) -> str:
    """What may be logged of an error: of one of PostgreSQL's neither a row nor a parameter.

    The details of such an error hold rows, and SQLAlchemy adds the statement and its parameters:
    URLs, headers and data of tenants. What is left is the SQLSTATE, the message and the constraint.
    """
    error = getattr(error, "orig", None) or error
    diagnosis, state = getattr(error, "diag", None), getattr(error, "sqlstate", None)
    if diagnosis is None or (state is None and diagnosis.message_primary is None):
        # Also where no server has answered: then the driver says why.
        return str(error).strip()
    message = diagnosis.message_primary or type(error).__name__
    if str(state).startswith(_DATA_EXCEPTION):
        message = message.partition(': "')[0]
    constraint = diagnosis.constraint_name
    return f"{state}: {message}" + (f" ({constraint})" if constraint else "")


def format_exception(exc_info: ExcInfo) -> str:
    """The traces of an error and of those that led to it, the first one first, each `in_words`."""
    return "\n".join(
        "".join(traceback.format_tb(each.__traceback__))
        + f"{type(each).__name__}: {in_words(each)}"
        for each in reversed(list(_chain(exc_info[1])))
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


class _Formatter(logging.Formatter):
    """What libraries log, with errors told as ours are."""

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, N802 - as logging has it
        """The traces of an error."""
        return format_exception(ei)


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
