"""Sidecar: a server on loopback that serves one Dapr app, whose clients send no key."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn

from flask import Flask, current_app

from app import log, thread_failures
from app.api import web_process, worker_processes
from app.api.asgi import THREADS, AsgiApp
from app.api.auth import BOUND, Bound
from app.api.context import current_context
from app.api.dapr import invocations
from app.api.dapr.rpc import invocations as rpc_invocations
from app.api.dapr.rpc import routes as rpc_routes
from app.api.dapr.rpc.server import RpcServer
from app.api.direct_bookings import DirectBookings
from app.config import check_ca_file
from app.domain.account import Account
from app.domain.checks import quoted
from app.domain.endpoint import AppProtocol
from app.errors import InvalidMember, Misconfigured, NotFound
from app.http_server.server import HttpServer
from app.invoker import Invoker
from app.service import accounts, endpoints
from app.service.dapr import apps as dapr_apps

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

DEMO: Final = "demo"

# The addresses of `localhost`; clients try them in either order.
_LOOPBACK: Final = ("127.0.0.1", "::1")
BODY_S: Final = 300.0
"""Seconds in which a request's body must arrive; long, as the sidecar has no other clients."""

MAX_CONNECTIONS: Final = 2000
"""Connections of one process of a sidecar."""

_NO_IPV6: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class _BoundApplication:
    """A WSGI application to which every request is one of the same account and app."""

    def __init__(self, app: WSGIApplication, bound: Bound) -> None:
        self._app = app
        self._bound = bound

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The answer of the application."""
        return self._app({**environ, BOUND: self._bound}, start_response)


def choose_account(name: str | None) -> Account:
    """The account of that name; without a name the only account or, of several, `demo`.

    Raises NotFound, and Misconfigured where no name is given and there is no such account.
    """
    if name is not None:
        return accounts.get_account(current_context(), name)
    try:
        return accounts.get_account(
            current_context(), accounts.only_account_name(current_context()) or DEMO
        )
    except NotFound:
        raise Misconfigured(
            f"There is no account {DEMO!r}, and not exactly one other. "
            "Name an account with --account."
        ) from None


def register(
    account: Account, app_id: str, port: int, protocol: AppProtocol = AppProtocol.HTTP
) -> str:
    """Have the app's jobs called at `port` of this machine by `protocol`; returns the app's URL.

    Raises InvalidMember, and Misconfigured where calls to loopback are not allowed.
    """
    url = f"http://127.0.0.1:{port}"
    _require_allowed(url)
    known = {each.name: each for each in dapr_apps.list_apps(current_context(), account)}.get(
        app_id
    )
    if known is not None and (known.url, known.protocol) == (url, protocol):
        return url
    keeps_token = known is not None and known.url == url and known.has_token
    if known is not None and known.has_token and not keeps_token:
        raise Misconfigured(
            f"The app {quoted(app_id)} is at {known.url}, and its calls carry a token. Move it "
            f"with: flask --app wsgi dapr-app add {account.name} --app-id {app_id} --url {url} "
            f"--app-protocol {protocol} --token TOKEN"
        )
    dapr_apps.put(
        current_context(),
        account,
        app_id,
        url=url,
        token=None,
        keep_token=keeps_token,
        protocol=protocol,
    )
    return url


def _require_allowed(url: str) -> None:
    """Raise Misconfigured where every call to the URL would be refused."""
    try:
        endpoints.judge(current_context(), url)
    except InvalidMember as refusal:
        raise Misconfigured(
            f"Calls to {url} are not allowed: {refusal.message} Start web, scheduler, worker "
            f"and this command with WAKECALL_ALLOW_TARGETS=127.0.0.0/8, or choose another port."
        ) from None


def serve(
    bound: Bound,
    port: int,
    ready: Callable[[], None],
    *,
    grpc_port: int | None = None,
    processes: int = 1,
) -> NoReturn:
    """Serve at `port` of loopback until a signal, and RPCs at `grpc_port` unless it is None.

    `ready` is called once requests are answered, which RPCs are by then, too.

    The process ends here. Raises Misconfigured where a port is not available.
    """
    check_ca_file(current_context().settings.ca_file)
    addresses = [address for address in _LOOPBACK if _is_free(address, port, "--dapr-http-port")]
    if grpc_port is not None:
        for address in addresses:
            _is_free(address, grpc_port, "--dapr-grpc-port")
    # Workers open connections of their own.
    current_context().database.engine.dispose()
    serve_here = partial(_serve_here, bound, addresses, port, grpc_port, processes > 1)
    worker_processes.run(processes, serve_here, ready)


def _serve_here(
    bound: Bound,
    addresses: list[str],
    port: int,
    grpc_port: int | None,
    shares_port: bool,  # noqa: FBT001 - partial has no names for it
    ready: Callable[[], None],
) -> NoReturn:
    """Serve in this process, which ends here."""
    application = current_app._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - Flask's own way
    application.register_blueprint(invocations.invocation_routes)
    settings = current_context().settings
    invoker = Invoker(
        allow=settings.allow_targets, deny=settings.deny_targets, ca_file=settings.ca_file
    )
    asgi = AsgiApp(
        _BoundApplication(application, bound),
        share=THREADS,  # the only account may use all threads
        body_s=BODY_S,
        direct=DirectBookings(application, bound=bound),
        onward=partial(invocations.pass_on, invoker.invoke),
    )
    rpcs = partial(_serve_rpcs, application, asgi, addresses, grpc_port, shares_port=shares_port)
    web_process.start(current_context().settings.log_level, name="sidecar")
    web_process.run(_serve(asgi, addresses, port, ready, rpcs))
    invoker.close()
    # os._exit: a server thread that needs the interpreter during its teardown would abort.
    with suppress(OSError):
        sys.stdout.flush()
    log.flush()
    os._exit(thread_failures.status())


async def _serve_rpcs(
    application: Flask,
    asgi: AsgiApp,
    addresses: list[str],
    port: int | None,
    *,
    shares_port: bool,
) -> RpcServer | None:
    """Begin to serve RPCs; None without a port."""
    if port is None:
        return None
    rpc_routes.install(application)
    application.register_blueprint(rpc_invocations.invocation_rpcs)
    server = RpcServer(
        asgi,
        rpc_routes.paths() | {rpc_invocations.PATH: True},
        shares_port=shares_port,
        is_alone=True,
    )
    for address in addresses:
        server.listen(address, port)
    await server.start()
    return server


async def _serve(
    asgi: AsgiApp,
    addresses: list[str],
    port: int,
    ready: Callable[[], None],
    serve_rpcs: Callable[[], Awaitable[RpcServer | None]],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    # Before the HTTP port is open: clients book over gRPC as soon as /healthz/outbound answers.
    rpcs = await serve_rpcs()
    server = HttpServer(asgi, max_connections=MAX_CONNECTIONS)
    for address in addresses:
        await server.listen(address, port)
    ready()
    await stop.wait()
    await server.stop()
    if rpcs is not None:
        await rpcs.stop(web_process.DRAIN_S)
    # Only now: until then the other servers have requests under way.
    asgi.shutdown()


def _is_free(address: str, port: int, option: str) -> bool:
    """Whether the port can be bound there; False where the machine has no such address.

    Raises Misconfigured, which names the `option`, where the port is in use.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            # The server itself would share the port with another listener that allows it.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        if family == socket.AF_INET6 and error.errno in _NO_IPV6:
            return False
        raise Misconfigured(
            f"Port {port} cannot be taken: {error.strerror}. Give another with {option}."
        ) from None
    return True
