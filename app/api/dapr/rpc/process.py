"""The process `dapr-grpc`: the Dapr Jobs API over gRPC for all accounts, beside web over HTTP."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import NoReturn

from flask import Flask, current_app

from app import log, thread_failures
from app.api import refused_keys, web_process
from app.api.asgi import AsgiApp
from app.api.context import context_of
from app.api.dapr.rpc import routes
from app.api.dapr.rpc.server import RpcServer
from app.config import Settings
from app.log import logger
from app.service.health_watch import HealthWatch


def serve(host: str | None, port: int | None) -> NoReturn:
    """Serve RPCs until a signal, at the host and port of the settings unless others are given.

    The process ends here, once RPCs under way are answered. Raises Misconfigured.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - Flask's own way
    settings: Settings = context_of(app).settings
    web_process.start(settings.log_level, name="dapr-grpc")
    routes.install(app)
    web_process.run(_serve(app, host or settings.host, port or settings.grpc_port))
    # os._exit: a server thread that needs the interpreter during its teardown would abort.
    log.flush()
    os._exit(thread_failures.status())


async def _serve(app: Flask, host: str, port: int) -> None:
    settings: Settings = context_of(app).settings
    refused = refused_keys.refused_keys_of(app)
    server = RpcServer(AsgiApp(app), routes.paths(), shares_port=True)
    server.listen(host, port, certificate=settings.grpc_certificate)
    watch = HealthWatch(settings, lambda: {**refused.take_counts(), **log.take_dropped()})
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    watch.start()
    logger.info("grpc.started", host=host, port=port)
    await stop.wait()
    await server.stop(web_process.DRAIN_S)
    logger.info("grpc.stopped")
