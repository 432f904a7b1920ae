"""Sink: a receiver that serves all its connections in one thread, for calls by the thousand."""

from __future__ import annotations

import selectors
import socket
from contextlib import suppress

from tests.receiver import Exchange, Gone, Receiver, _read


class Sink(Receiver):
    """Behaves in one way only, its default, and so must not wait in it."""

    def _accept(self) -> None:
        links: dict[socket.socket, int] = {}
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._closing.is_set():
                for key, _ in selector.select():
                    if key.fileobj is not self._listener:
                        link = key.fileobj
                        assert isinstance(link, socket.socket)
                        if not self._answer(link, links[link]):
                            selector.unregister(link)
                            del links[link]
                            link.close()
                        continue
                    with suppress(OSError):  # it was closed, and so are we
                        link, _ = self._listener.accept()
                        self.connections += 1
                        links[link] = self.connections
                        selector.register(link, selectors.EVENT_READ)
        for link in links:
            link.close()

    def _answer(self, link: socket.socket, number: int) -> bool:
        """Whether the connection goes on."""
        try:
            # A call is smaller than what a socket takes at once: its rest is never long in coming.
            request, _ = _read(link, b"", number)
            with self._changed:
                self.requests.append(request)
                self._changed.notify_all()
            self.default(Exchange(request=request, link=link, closing=self._closing))
        except (Gone, OSError):
            return False
        return True
