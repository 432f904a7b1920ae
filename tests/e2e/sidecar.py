"""Sidecar: `flask dapr-sidecar` in a process of its own, and HTTP requests to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from local.instance import CHECKOUT
from tests.e2e.instance import PATIENCE, Instance
from tests.ports import free_port

JOBS = "/v1.0-alpha1/jobs"


class Said(NamedTuple):
    """An answer, as it came."""

    status: int
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Dapr:
    """Where the Dapr API is asked, and with which header fields; none for a sidecar's clients."""

    port: int
    grpc_port: int = 0
    headers: tuple[tuple[str, str], ...] = ()

    def ask(self, method: str, path: str, body: Any = None) -> Said:
        """One request; a body that is not bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, dict(self.headers))
            answer = connection.getresponse()
            return Said(answer.status, answer.read())
        finally:
            connection.close()

    def schedule(self, name: str, body: Any) -> Said:
        return self.ask("POST", f"{JOBS}/{name}", body)

    def get(self, name: str) -> Said:
        return self.ask("GET", f"{JOBS}/{name}")

    def delete(self, name: str) -> Said:
        return self.ask("DELETE", f"{JOBS}/{name}")


def command(
    app_id: str, app_port: int, port: int, grpc_port: int = 0, protocol: str = "http"
) -> list[str]:
    return [
        *(sys.executable, "-m", "flask", "--app", "wsgi", "dapr-sidecar", "--app-id", app_id),
        *("--app-port", f"{app_port}", "--dapr-http-port", f"{port}"),
        *("--dapr-grpc-port", f"{grpc_port}", "--app-protocol", protocol),
    ]


@contextmanager
def sidecar(
    instance: Instance, app_id: str, app_port: int, *, protocol: str = "http"
) -> Iterator[Dapr]:
    """A sidecar that answers; its environment says no more than where the instance is."""
    port, grpc_port = free_port(), free_port()
    environ = {
        name: value
        for name, value in instance.environment.items()
        if name != "WAKECALL_ALLOW_TARGETS"
    }
    process = subprocess.Popen(
        command(app_id, app_port, port, grpc_port, protocol),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
        env={**environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == (
            f"Sidecar of {app_id} (account demo, called at http://127.0.0.1:{app_port}) "
            f"listens on http://localhost:{port}, and for gRPC on localhost:{grpc_port}\n"
        )
        yield Dapr(port=port, grpc_port=grpc_port)
        process.send_signal(signal.SIGTERM)
        assert (process.wait(PATIENCE), process.stdout.read()) == (0, "")
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
