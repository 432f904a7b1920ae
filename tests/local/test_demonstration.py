"""The text after the start: its command books a call that arrives."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from app.config import networks
from local.demonstration import command, loopback


@pytest.mark.parametrize(
    ("allowed", "address"),
    [
        ("", ""),
        ("10.0.0.0/8", ""),
        ("127.0.0.0/8,::1/128", "127.0.0.1"),
        ("0.0.0.0/0", "127.0.0.1"),
        ("::1/128", "::1"),
    ],
)
def test_the_inbox_listens_where_callbacks_may_go(allowed: str, address: str) -> None:
    assert loopback(networks("WAKECALL_ALLOW_TARGETS", allowed)) == address


def test_the_pasted_command_books_a_call_ten_seconds_ahead() -> None:
    pasted = command("http://127.0.0.1:8000", "wk_key", "http://127.0.0.1:9/wake")
    before = datetime.now(UTC)

    done = subprocess.run(
        ["/bin/sh", "-c", f"curl() {{ printf '%s\\n' \"$@\"; }}\n{pasted}"],
        capture_output=True,
        text=True,
        check=True,
    )

    words = done.stdout.splitlines()
    assert words[:2] == ["-sS", "http://127.0.0.1:8000/1/jobs"]
    assert "Authorization: Bearer wk_key" in words
    job = json.loads(words[-1])
    assert (job["url"], job["data"]) == ("http://127.0.0.1:9/wake", "Wake up!")
    ahead = datetime.fromisoformat(job["when"]) - before
    assert timedelta(seconds=8) < ahead < timedelta(seconds=40)
