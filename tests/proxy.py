"""A TCP proxy in front of PostgreSQL, which a test can make stop forwarding."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Proxy:
    """Forwards connections to the server of `url`; one thread for all of them.

    While it is paused it accepts connections and forwards nothing, as a proxy that hangs. What has
    been sent to it in the meantime is never forwarded: those connections stay silent.
    """

    def __init__(self, url: str) -> None:
        found = conninfo_to_dict(url)
        self.lead_to(str(found["host"]), int(found.get("port") or 5432))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = make_conninfo("", **{**found, "host": "127.0.0.1", "port": self.port})
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._silent: set[socket.socket] = set()
        self._paused = False
        self._ended = False
        self._thread = threading.Thread(target=self._run)

    def lead_to(self, host: str, port: int) -> None:
        """Forward new connections to this server from now on; `host` may be a folder of sockets."""
        self._target: str | tuple[str, int] = (
            f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)
        )

    @property
    def has_silent(self) -> bool:
        """Whether anything was sent that is never forwarded."""
        return bool(self._silent)

    def pause(self) -> None:
        """Forward nothing from now on."""
        self._paused = True

    def go_on(self) -> None:
        """Forward what is sent on new connections, and on those that sent nothing meanwhile."""
        self._paused = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr] # only sockets are registered
        for each in self._silent:
            each.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select(0.02):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._forward(key.fileobj, key.data)  # type: ignore[arg-type] # only sockets are registered

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if isinstance(self._target, str):
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
        else:
            server = socket.create_connection(self._target)
        self._selector.register(client, selectors.EVENT_READ, server)
        self._selector.register(server, selectors.EVENT_READ, client)

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        if self._paused:
            self._selector.unregister(source)
            self._silent.add(source)
            return
        data = b""
        with suppress(OSError):
            data = source.recv(65536)
            target.sendall(data)
        if not data:
            for each in (source, target):
                with suppress(KeyError, ValueError):
                    self._selector.unregister(each)
                each.close()
