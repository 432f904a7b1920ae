"""Outbound: a loop, guard and engine under a test's hands, with names that it gives itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from ipaddress import ip_network
from typing import Self

from app.delivery.engine import Engine
from app.delivery.guard import Guard
from app.delivery.loop import Loop
from app.delivery.request import Call
from app.delivery.resolver import OnResolved, Resolution
from app.domain.inbox_address import InboxAddress
from app.domain.run import Reply
from app.domain.target import Address, Network
from tests.receiver import PATIENCE

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.1/32"), ip_network("::1/128"))


class Names:
    """Answers as set by the test, `slowness` seconds later; other names are never answered."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.answers: dict[str, Resolution] = {}
        self.asked: list[str] = []
        self.closed = False
        self.slowness = 0.0

    def answer(self, host: str, *addresses: str, lifetime: float = 60.0) -> None:
        """Answer with these addresses from now on."""
        self.answers[host] = Resolution(addresses=addresses, lifetime=lifetime)

    def fail(self, host: str, words: str) -> None:
        """Answer that there is none."""
        self.answers[host] = Resolution(addresses=(), lifetime=60.0, error=words)

    def resolve(self, host: str, on_resolved: OnResolved) -> None:
        """As `Lookup.resolve`."""
        self.asked.append(host)
        if host not in self.answers:
            return
        if self.slowness:
            after = self._loop.clock() + self.slowness
            self._loop.call_at(after, on_resolved, self.answers[host])
        else:
            self._loop.call_soon(on_resolved, self.answers[host])

    def close(self) -> None:
        """As `Lookup.close`."""
        self.closed = True


class Outbound:
    """An engine on its own loop; use as a context manager."""

    def __init__(
        self,
        *,
        allow: tuple[Network, ...] = LOOPBACK,
        deny: tuple[Network, ...] = (),
        owned: Callable[[Address], bool] = lambda _: False,
        ca_file: str | None = None,
        connect_timeout: float = 5.0,
        inboxes: InboxAddress | None = None,
    ) -> None:
        self.loop = Loop()
        self.names = Names(self.loop)
        self.guard = Guard(
            self.loop, self.names, allow=allow, deny=deny, owned=owned, inboxes=inboxes
        )
        self.engine = Engine(
            self.loop,
            self.guard,
            ca_file=ca_file,
            connect_timeout=connect_timeout,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.engine.close()
        self.loop.close()

    def send(
        self,
        url: str,
        body: bytes = b"",
        *,
        headers: tuple[str, ...] = (),
        timeout: float = 10.0,
        method: str = "POST",
    ) -> Reply:
        """Make one call and run the loop until it is answered."""
        call = Call(url=url, headers=headers, body=body, timeout=timeout, method=method)
        return self.send_all([call])[0]

    def send_all(self, calls: list[Call]) -> list[Reply]:
        """Post calls at once and run the loop until all are answered."""
        replies: dict[int, Reply] = {}
        for number, call in enumerate(calls):
            self.engine.post(call, partial(replies.__setitem__, number))
        self.run(lambda: len(replies) == len(calls))
        return [replies[number] for number in range(len(calls))]

    def run(self, until: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Run the loop until something holds; fails where it does not come to hold in time."""
        limit = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < limit, f"It has not happened within {seconds} s"
            self.loop.step(0.05)
