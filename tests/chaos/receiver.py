"""Receiver: a process that verifies each call and writes it to a file, a line per arrival.

    python -m tests.chaos.receiver PORT FILE

The signing secrets come from standard input: a JSON object of account names. The first segment of
a path names the account that its calls have to be signed for, the second one the kind of job.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from app.domain.inbox import Signature
from app.domain.signature import SignatureCheck
from bench.sink import Connection, _field
from tests.chaos.names import ABORT, FUSION, JOB, abort_of
from tests.soak.receiver import ANSWER_S, FLAKY

WITH_DATA = {"once", FLAKY, "deleted", "cron"}
"""The kinds of jobs whose data is their path."""

_RUN_HEADER = b"wakecall-run"
"""Of a call that reports what became of another run: that run."""


class Arrivals:
    """The file of all arrivals, and which paths have failed once."""

    def __init__(self, file: int, secrets: Mapping[str, str]) -> None:
        self._file = file
        self._secrets = secrets
        self._failed: set[str] = set()

    def status_for(self, path: str) -> int:
        """The status with which a call on this path is answered now."""
        if f"/{FLAKY}/" in path and path not in self._failed:
            self._failed.add(path)
            return 500
        return 204

    def write(self, at: float, path: str, head: bytes, body: bytes, status: int) -> None:
        """Add a call to the file; it is there once this returns."""
        fields = (
            f"{at:.6f}",
            _name(path, head),
            _text(head, b"wakecall-scheduled-for"),
            _text(head, b"wakecall-job"),
            _text(head, b"webhook-id"),
            _text(head, b"wakecall-attempt") or "0",
            f"{status}",
            self._fault(path, head, body) or "-",
        )
        os.write(self._file, ("\t".join(fields) + "\n").encode())

    def _fault(self, path: str, head: bytes, body: bytes) -> str:
        """What is wrong with the call; empty for a call of this account with this job's data."""
        account, _, rest = path.partition("/")
        if account not in self._secrets:
            return "path of no account"
        check = SignatureCheck(
            [self._secrets[account]],
            signature=_text(head, b"webhook-signature"),
            message_id=_text(head, b"webhook-id"),
            timestamp=_text(head, b"webhook-timestamp"),
        )
        check.update(body)
        if (found := check.result(datetime.now(UTC))) is not Signature.VERIFIED:
            return f"signature {found.value}"
        kind, _, name = rest.partition("/")
        if kind in WITH_DATA and body != path.encode():
            return "data of another job"
        if kind == FUSION and json.loads(body) != _document(name, head):
            return "document of another run"
        return ""


def _name(path: str, head: bytes) -> str:
    """The path, and behind it the run whose end the call reports, if it reports one."""
    reported = _text(head, _RUN_HEADER)
    return abort_of(path, reported) if reported else path


def _document(kind: str, head: bytes) -> dict[str, str]:
    """What a runner is sent when a run begins, or when one that is named was aborted."""
    reported = _text(head, _RUN_HEADER)
    return {
        "resource": f"{kind}:{JOB}",
        "runId": reported or _text(head, b"webhook-id"),
        "action": ABORT if reported else "start",
    }


class _Recording(Connection):
    """A kept connection whose calls are written down, and answered after a moment."""

    def __init__(self, arrivals: Arrivals) -> None:
        super().__init__()
        self._arrivals = arrivals

    def answer(self, head: bytes) -> None:
        at = time.time()
        path = head.split(b" ", 2)[1].decode("latin-1").lstrip("/")
        status = self._arrivals.status_for(path)
        self._arrivals.write(at, path, head, self.body, status)
        text = b"HTTP/1.1 %d Received\r\n%b\r\n" % (
            status,
            b"" if status == 204 else b"Content-Length: 0\r\n",
        )
        loop = asyncio.get_running_loop()
        loop.call_later(random.uniform(0, ANSWER_S), self._write, text)

    def _write(self, text: bytes) -> None:
        with suppress(OSError):
            self.write(text)


def _text(head: bytes, name: bytes) -> str:
    return _field(head, name).decode("latin-1")


async def serve(port: int, arrivals: Arrivals) -> None:
    """Listen until SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await loop.create_server(partial(_Recording, arrivals), "127.0.0.1", port, backlog=4096)
    await stop.wait()


def main(port: str, path: str) -> None:
    """Serve what the command line names."""
    secrets = json.load(sys.stdin)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    asyncio.run(serve(int(port), Arrivals(file, secrets)))


if __name__ == "__main__":
    main(*sys.argv[1:])
