"""Logs: one JSON object a line, whatever is in it; many lines at once where there are many."""

from __future__ import annotations

import json
import subprocess
import sys

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


def said(level: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, level], capture_output=True, text=True, check=True
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
