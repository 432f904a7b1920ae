"""Logs: one JSON object per line on standard error, with the name of an event and its fields."""

from __future__ import annotations

import atexit
import json
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

from app.domain import counters
from app.log_sink import LogSink

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_common: dict[str, str] = {"process": "unnamed"}
# Class 22 of SQLSTATE, whose messages quote the value that could not be taken.
_DATA_EXCEPTION: Final = "22"
_STDERR: Final = 2
_PIECE: Final = 64 * 1024


def configure(process: str, level: str = "info") -> None:
    """Send the log lines of this process to standard error, each with the kind of `process`.

    Logging never blocks and never raises, even if standard error cannot be written. An error that
    ends the main thread is logged, too.
    """
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
        wrapper_class=_never_raising(structlog.make_filtering_bound_logger(numeric)),
        logger_factory=_LineWriter,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(numeric, logging.WARNING), handlers=[Handler()])
    logging.captureWarnings(capture=True)
    sys.excepthook = _on_end


def flush() -> None:
    """Wait at most a second until all lines are written: for exits that do not call `atexit`."""
    _sink.flush()


def take_dropped() -> Mapping[tuple[str, str], float]:
    """Return how many lines were dropped since the last call, as counters."""
    dropped = _sink.take_dropped()
    return {(counters.LOG_DROPPED, _common["process"]): dropped} if dropped else {}


def describe_error(error: BaseException) -> str:
    """Return an error in words without data of tenants.

    The details of an error of PostgreSQL contain rows, and SQLAlchemy adds the statement with its
    parameters: URLs, headers and payloads. Only the SQLSTATE, the message and the constraint of
    these errors are returned.
    """
    error = getattr(error, "orig", None) or error
    diagnosis, state = getattr(error, "diag", None), getattr(error, "sqlstate", None)
    if diagnosis is None or (state is None and diagnosis.message_primary is None):
        # This includes errors of the driver when no server has answered.
        return str(error).strip()
    message = diagnosis.message_primary or type(error).__name__
    if str(state).startswith(_DATA_EXCEPTION):
        message = message.partition(': "')[0]
    constraint = diagnosis.constraint_name
    return f"{state}: {message}" + (f" ({constraint})" if constraint else "")


def format_exception(exc_info: ExcInfo) -> str:
    """Return the traceback of an error and of its causes, each described, first cause first."""
    return "\n".join(
        "".join(traceback.format_tb(each.__traceback__))
        + f"{type(each).__name__}: {describe_error(each)}"
        for each in reversed(list(_chain(exc_info[1])))
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def lines(event: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write many lines of one event at level info: for events that happen thousands of times."""
    if not logger.is_enabled_for(logging.INFO):
        return
    common = _common_fields(event, "info")
    written = bytearray()
    for row in rows:
        written += _rendered({**row, **common})
        if len(written) >= _PIECE:
            _sink.write(bytes(written))
            written.clear()
    if written:
        _sink.write(bytes(written))


def _common_fields(event: str, level: str) -> dict[str, Any]:
    return {**_common, "event": event, "level": level, "timestamp": datetime.now(UTC)}


def _rendered(line: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        pass  # a lone surrogate, a number of more than 64 bits, a type that JSON does not have
    try:
        return json.dumps(line, default=_as_text, skipkeys=True).encode() + b"\n"
    except Exception:  # noqa: BLE001 - logging never raises
        _sink.drop()
        return b""


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _dropped_line(lines: int) -> bytes:
    return _rendered({"lines": lines, **_common_fields("log.lines_dropped", "warning")})


_sink: Final = LogSink(_STDERR, render_dropped=_dropped_line)
atexit.register(flush)


class _LineWriter:
    """The writer to which structlog passes rendered lines."""

    def __init__(self, *_args: object) -> None:
        pass

    def msg(self, line: str) -> None:
        """Queue one line."""
        _sink.write(line.encode("utf-8", "backslashreplace") + b"\n")

    log = debug = info = warn = warning = error = critical = exception = fatal = msg


class Handler(logging.Handler):
    """Writes the log records of libraries, and of granian (deploy/web-log.json), in the same form.

    `process` is the kind of a process that does not call `configure`.
    """

    def __init__(self, process: str | None = None) -> None:
        super().__init__()
        if process is not None:
            _common["process"] = process

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one record; one that cannot be formatted is counted as dropped."""
        try:
            _sink.write(_rendered(_library_line(record)))
        except Exception:  # noqa: BLE001 - logging never raises
            _sink.drop()


def _library_line(record: logging.LogRecord) -> dict[str, Any]:
    line: dict[str, Any] = {"logger": record.name, "message": record.getMessage()}
    if record.exc_info and record.exc_info[1] is not None:
        line["exception"] = format_exception(record.exc_info)
    return {**line, **_common_fields("library", record.levelname.lower())}


def _never_raising(base: type[structlog.typing.BindableLogger]) -> type[Any]:
    """Return a logger class that drops and counts lines that cannot be rendered."""

    class Logger(base):  # type: ignore[valid-type, misc] # made by structlog for a level
        def _proxy_to_logger(self, *args: Any, **fields: Any) -> Any:  # noqa: ANN401 - as structlog has it
            try:
                return super()._proxy_to_logger(*args, **fields)
            except Exception:  # noqa: BLE001 - logging never raises
                _sink.drop()

    return Logger


def _on_end(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """Log an error that ends the main thread; the interpreter sets the exit status."""
    if isinstance(error, Exception):
        logger.critical("process.failed", exc_info=error)


def _name_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.update(_common)
    return event


logger: structlog.stdlib.BoundLogger = structlog.get_logger()
