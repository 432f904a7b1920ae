"""Programs: what was written with an SDK, in a process of its own, and the lines that it prints."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.e2e.instance import PATIENCE, environment
from tests.e2e.sidecar import Dapr

_OURS = ("DAPR_", "GRPC_")


class SdkProgram:
    """A running program; `lines` is what it has printed, errors too."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._heard = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, *lines: str) -> None:
        """Return once it has printed these lines, in any order; fails where it does not."""
        with self._heard:
            arrived = self._heard.wait_for(
                lambda: set(lines) <= set(self.lines) or not self._reader.is_alive(), PATIENCE
            )
            missing = set(lines) - set(self.lines)
            assert arrived, "\n".join(["not in time:", *missing, "but:", *self.lines])
            assert not missing, "\n".join(["never:", *missing, "but:", *self.lines])

    def ends(self) -> list[str]:
        """Wait for its end, which must be a good one; what it printed."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert status == 0, "\n".join(self.lines)
        return self.lines

    def stop(self) -> None:
        """End it by force, if it still runs."""
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                with self._heard:
                    self.lines.append(line.rstrip("\n"))
                    self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()


@contextmanager
def running_program(
    command: Sequence[str], dapr: Dapr, settings: Mapping[str, str] | None = None
) -> Iterator[SdkProgram]:
    """The program beside its sidecar, whose ports it finds in its environment as under `dapr run`.

    Nothing of this process's own Dapr or gRPC settings is in it.
    """
    kept = {key: value for key, value in environment().items() if not key.startswith(_OURS)}
    ports = {"DAPR_HTTP_PORT": f"{dapr.port}", "DAPR_GRPC_PORT": f"{dapr.grpc_port}"}
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**kept, **ports, "PYTHONUNBUFFERED": "1", **(settings or {})},
    )
    program = SdkProgram(process)
    try:
        yield program
    finally:
        program.stop()
        assert process.stdin is not None
        process.stdin.close()
