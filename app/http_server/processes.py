"""Processes: workers of the HTTP server, which granian starts, watches, replaces and ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer, WorkerProcess

from app.http_server import worker
from app.http_server.exchange import Application
from app.http_server.worker import Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Workers:
    """How many workers there are, and when one is replaced or killed."""

    number: int
    kill_timeout_s: int
    """The time in which a worker must end before it is killed."""
    max_mib: int | None
    """The memory above which a worker is replaced."""
    sample_interval_s: int
    """The time between two looks at the memory."""


def run(
    application: str,
    address: Address,
    workers: Workers,
    *,
    log_level: str,
    log_config: Mapping[str, Any] | None,
) -> None:
    """Serve `module:name` until SIGTERM or SIGINT."""
    MPServer(
        application,
        address=address.host,
        port=address.port,
        interface=Interfaces.ASGI,
        websockets=False,
        workers=workers.number,
        backlog=address.backlog,
        log_level=LogLevels(log_level),
        log_dictconfig=None if log_config is None else dict(log_config),
        respawn_failed_workers=True,
        workers_kill_timeout=workers.kill_timeout_s,
        workers_max_rss=workers.max_mib,
        rss_sample_interval=workers.sample_interval_s,
    ).serve(spawn_target=partial(_serve, address=address))


@WorkerProcess.wrap_target  # type: ignore[untyped-decorator] # it has no annotations
def _serve(
    _number: int,
    application: Application,
    _socket: object,
    _pipe: object,
    loop: Any,  # noqa: ANN401 - as granian types it
    *_settings: object,
    address: Address,
) -> None:
    """Serve in a worker; the unused arguments are for granian's own server."""
    loop.run_until_complete(worker.serve(application, address))
