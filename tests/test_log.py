"""Logs: one JSON object per line, whatever its fields contain; many lines in one write."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAM = """
import sys
from datetime import UTC, datetime
from uuid import UUID
from app import log
log.configure("worker", sys.argv[1])
log.logger.info("one", text="caf\\u00e9\\nline", number=1)
log.lines("attempt", [{"at": datetime(2026, 1, 1, tzinfo=UTC), "status": 204},
                      {"status": None, "id": UUID(int=7), "reason": "two\\nlines, caf\\u00e9"}])
try:
    raise ValueError("boom")
except ValueError:
    log.logger.exception("failed")
class Unprintable:
    def __repr__(self):
        raise RuntimeError

log.lines("attempt", [{"detail": "\\ud800", "number": 1 << 64}])
log.logger.error("lost", value=Unprintable())
log.logger.error("kept", dropped=list(log.take_dropped().items()))
"""
LIBRARY = """
import json, logging, logging.config, sys
from granian.log import LogLevels, configure_logging
from app import log
if sys.argv[1] == "granian":
    configure_logging(LogLevels.warning, json.load(open("deploy/web-log.json")))
else:
    log.configure("worker")
logger = logging.getLogger("_granian" if sys.argv[1] == "granian" else "psycopg")
logger.info("not told")
logger.warning("two\\nlines, %s", "caf\u00e9")
try:
    raise ValueError("boom")
except ValueError:
    logger.exception("failed")
logger.error("%d", "not a number")
"""


def said(argument: str, program: str = PROGRAM) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", program, argument],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_every_line_is_an_object_that_names_its_event_and_process() -> None:
    one, first, second, failed, odd, kept, dropped = said("info")

    assert (one["event"], one["text"]) == ("one", "café\nline")
    assert (first["event"], first["status"]) == ("attempt", 204)
    assert first["at"] == "2026-01-01T00:00:00+00:00"
    assert second["status"] is None
    assert second["id"] == "00000000-0000-0000-0000-000000000007"
    assert second["reason"] == "two\nlines, café"
    assert "ValueError: boom" in str(failed["exception"])
    for line in (one, first, second, failed, odd, kept, dropped):
        assert line["process"] == "worker"
        assert line["timestamp"]


def test_a_line_that_cannot_be_rendered_is_counted_and_raises_nothing() -> None:
    *_, odd, kept, dropped = said("info")

    assert (odd["detail"], odd["number"]) == ("\ud800", 1 << 64)
    assert kept["event"] == "kept"
    assert kept["dropped"] == [[["log_dropped", "worker"], 1]]
    assert (dropped["event"], dropped["lines"]) == ("log.lines_dropped", 1)


def test_a_quieter_level_leaves_out_the_attempts() -> None:
    levels = [line["level"] for line in said("warning")]

    assert levels == ["error", "error", "warning"]


@pytest.mark.parametrize(
    ("source", "process", "logger"),
    [("library", "worker", "psycopg"), ("granian", "web", "_granian")],
)
def test_lines_of_libraries_have_the_same_form(source: str, process: str, logger: str) -> None:
    warning, failed, dropped = said(source, LIBRARY)

    assert (warning["message"], warning["level"]) == ("two\nlines, café", "warning")
    assert (failed["message"], failed["level"]) == ("failed", "error")
    assert str(failed["exception"]).endswith("ValueError: boom")
    for line in (warning, failed):
        assert (line["event"], line["process"], line["logger"]) == ("library", process, logger)
        assert line["timestamp"]
    assert (dropped["event"], dropped["lines"]) == ("log.lines_dropped", 1)
