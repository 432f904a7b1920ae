"""Station: a courier with its loop, engine and threads, assembled and run together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from app.config import Settings
from app.delivery.engine import Engine
from app.delivery.guard import Guard
from app.delivery.loop import Loop
from app.delivery.resolver import Resolver
from app.service.secrets import SecretBox, completion_tokens
from app.store.takes import Ticket
from app.uptime import read_uptime
from workers.courier import Courier
from workers.keeper import Keeper
from workers.keyring import Keyring
from workers.link import Link
from workers.loader import Loader
from workers.poller import Poller, take
from workers.settler import LOCK_TIMEOUT_S, Settler

GRACE_S: Final = 8.0
"""How long calls under way may take to end after the worker was asked to stop."""


class Station:
    """Everything of a worker but the door through which batches come in."""

    def __init__(
        self,
        settings: Settings,
        identity: str,
        *,
        hears_bells: Callable[[], bool],
        on_suspects: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = read_uptime
        self._loop = Loop(clock=self._clock)
        guard = Guard(
            self._loop,
            Resolver(self._loop),
            allow=settings.allow_targets,
            deny=settings.deny_targets,
        )
        self._engine = Engine(self._loop, guard, ca_file=settings.ca_file)
        self._keyring = Keyring(SecretBox(settings.secret_keys), clock=self._clock)
        self.courier = Courier(
            self._loop,
            self._engine,
            tokens=completion_tokens(settings.secret_keys),
            concurrency=settings.concurrency,
            connections=settings.limits.connections,
            limits=self._keyring.connections,
            payload_bytes=settings.payload_mib * 1024 * 1024,
        )
        url = settings.database_url
        self.keeper = Keeper(Link(url, "keeper"), self.courier, clock=self._clock)
        self.poller = Poller(
            Link(url, "poller"),
            self.courier,
            self._keyring,
            hears_bells=hears_bells,
            on_suspects=on_suspects,
            clock=self._clock,
        )
        self.loader = Loader(Link(url, "loader"), self.courier, clock=self._clock)
        self.settler = Settler(
            Link(url, "settler", lock_timeout=LOCK_TIMEOUT_S),
            self.courier,
            identity,
            limits=settings.limits,
            clock=self._clock,
        )
        self._stopping_at: float | None = None

    def take(self, link: Link, tickets: Sequence[Ticket]) -> int:
        """Take runs through the caller's own link; how many there were still to take."""
        with link.use() as connection:
            return take(connection, tickets, self.courier, self._keyring, self._clock)

    def run(self) -> None:
        """Run the loop in this thread until stopped."""
        for thread in (self.keeper, self.poller, self.loader, self.settler):
            thread.start()
        try:
            self._loop.run(until=self._is_done)
        finally:
            self._end()

    def stop(self) -> None:
        """Take nothing more; let what is under way end, for GRACE_S at most."""
        self.poller.polling = False
        self._stopping_at = self._clock()
        self._loop.call_soon_threadsafe(self.courier.destinations.stop)
        self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        """Look again whether all is done, until it is."""
        self._loop.call_at(self._clock() + 0.05, self._wake)

    def _is_done(self) -> bool:
        if self._stopping_at is None:
            return False
        late = self._clock() - self._stopping_at > GRACE_S
        return late or not self.courier.held

    def _end(self) -> None:
        threads = (self.keeper, self.poller, self.loader, self.settler)
        for thread in threads:
            thread.stop()
        for thread in threads:
            thread.join(timeout=5)
        self.settler.flush()
        self._engine.close()
        self._loop.close()
