"""The process `dapr-grpc`: the Dapr Jobs API over gRPC for all accounts, beside web over HTTP."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from flask import Flask, current_app

from app import log, thread_failures
from app.api import health, web_process, worker_processes
from app.api.asgi import AsgiApp
from app.api.context import context_of, current_context
from app.api.dapr.rpc import routes
from app.api.dapr.rpc.server import RpcServer
from app.api.direct_bookings import DirectBookings
from app.config import Settings
from app.log import logger


def serve(host: str | None, port: int | None, *, processes: int = 1) -> NoReturn:
    """Serve RPCs until a signal, at the host and port of the settings unless others are given.

    The process ends here, once RPCs under way are answered. Raises Misconfigured.
    """
    settings: Settings = current_context().settings
    serve_here = partial(_serve_here, host or settings.host, port or settings.grpc_port)
    worker_processes.run(processes, serve_here, lambda: None)


def _serve_here(host: str, port: int, ready: Callable[[], None]) -> NoReturn:
    """Serve in this process, which ends here."""
    app = current_app._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - Flask's own way
    settings: Settings = context_of(app).settings
    web_process.start(settings.log_level, name="dapr-grpc")
    routes.install(app)
    web_process.run(_serve(app, host, port, ready))
    # os._exit: a server thread that needs the interpreter during its teardown would abort.
    log.flush()
    os._exit(thread_failures.status())


async def _serve(app: Flask, host: str, port: int, ready: Callable[[], None]) -> None:
    settings: Settings = context_of(app).settings
    served = AsgiApp(app, direct=DirectBookings(app), niceness=settings.web_nice)
    server = RpcServer(served, routes.paths(), shares_port=True)
    server.listen(host, port, certificate=settings.grpc_certificate)
    watch = health.watch_of(app)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    watch.start()
    logger.info("grpc.started", host=host, port=port)
    ready()
    await stop.wait()
    await server.stop(web_process.DRAIN_S)
    await health.stop_watch(app, watch)
    logger.info("grpc.stopped")
