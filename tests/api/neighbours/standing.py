"""Standing requests: one sender's requests stay in the application until the test lets them go.

So their backlog stands however fast the machine is, and what is counted is requests, not seconds.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.api import senders
from app.api.asgi import THREADS, AsgiApp
from app.api.bodies import FAILURE
from app.api.dapr.rpc.requests import environ_of
from app.api.senders import CONSOLE, SENDER, SESSION_COOKIE, Sender
from app.domain import key as keys
from app.domain import token as tokens
from app.domain.limits import CONCURRENT_REQUESTS
from bench.neighbours.operation import Operation, Surface
from bench.neighbours.rpc_link import SERVICE
from tests.api.exchange import Message
from tests.api.server import request

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

_LINKS: Final = 12
PER_ATTACKER: Final = 2 * _LINKS
"""Requests that an attacker has standing: six times as many as it has threads."""

PATIENCE_S: Final = 60.0
"""How long a request is waited for that is not behind others, on a machine that does much else."""

_FIRST_REFUSED: Final = 1000
_KNOWN: Final = "/known"
"""A path whose requests never stand, so that the event loop knows the account of later ones."""


class Person(NamedTuple):
    """A sender: with credentials of an account, or without any from a network of its own."""

    number: int
    network: str
    has_key: bool = True

    @property
    def key(self) -> str:
        return keys.compose(bytes([self.number]) * 64)

    @property
    def cookie(self) -> str:
        return f"{SESSION_COOKIE}={str(self.number) * 43}"


ATTACKER, VICTIM, ACCOMPLICE = (
    Person(1, "192.0.2.1"),
    Person(2, "192.0.2.2"),
    Person(3, "192.0.2.3"),
)
STRANGER, OTHER_STRANGER = (each._replace(has_key=False) for each in (ATTACKER, VICTIM))
_BY_DIGEST: Final = {
    digest: each.number
    for each in (ATTACKER, VICTIM, ACCOMPLICE)
    for digest in (
        keys.read(each.key).digest,  # type: ignore[union-attr] # it is well-formed
        tokens.read(each.cookie.partition("=")[2]),
    )
}


class Standing:
    """An ASGI application in whose threads the requests of attackers stay.

    `inside` counts these by sender. With `refusing` it refuses all requests at once instead.
    """

    def __init__(self, *attackers: Person, refusing: bool = False, **options: Any) -> None:
        self._refused_as = _FIRST_REFUSED if refusing else None
        self.inside: Counter[str] = Counter()
        self._attackers = {_name(each) for each in attackers}
        self._may_leave = 0
        self._changed = threading.Condition()
        self._loop = asyncio.get_running_loop()
        self._entered = asyncio.Event()
        self._tasks: list[asyncio.Task[int]] = []
        self.asgi = AsgiApp(self._app, **options)
        asgi = self.asgi
        for gate in (asgi._gate, asgi._lists, asgi._long, asgi._long_next):
            # However slow the machine is, no request has waited for too long.
            gate._max_wait_s = None

    def _app(self, environ: Message, start_response: StartResponse) -> Iterable[bytes]:
        sender: Sender = environ[SENDER]
        account = next(filter(None, map(_BY_DIGEST.get, sender.keys)), None)
        if account is not None:
            senders.note(environ, account, CONCURRENT_REQUESTS.default)
        if FAILURE in environ or "wakecall.refusal" in environ:
            # As the application does, without any work.
            start_response("429 Too Many Requests", [])
            return [b"refused"]
        if self._refused_as is not None:
            if account is not None:
                senders.note(environ, self._refused_as, None)
            start_response("429 Too Many Requests", [])
            return [b"refused"]
        name = f"{account or sender.network}"
        if environ["PATH_INFO"] not in {_KNOWN, CONSOLE + _KNOWN}:
            self._stand(name)
        start_response("200 OK", [])
        return [b"done"]

    def _stand(self, name: str) -> None:
        with self._changed:
            if name not in self._attackers:
                return
            self.inside[name] += 1
            self._loop.call_soon_threadsafe(self._entered.set)
            assert self._changed.wait_for(lambda: self._may_leave > 0, 2 * PATIENCE_S)
            self._may_leave -= 1
            self.inside[name] -= 1

    def let_go(self, number: int) -> None:
        """Let so many standing requests go, whichever thread is first."""
        with self._changed:
            self._may_leave += number
            self._changed.notify_all()

    async def greet(self, *people: Person) -> None:
        """Let the event loop know the accounts of these senders' keys and sessions."""
        for each in people:
            if each.has_key:
                await self.ask(each, request("GET", _KNOWN, X_API_Key=each.key))
                await self.ask(each, request("GET", CONSOLE + _KNOWN, Cookie=each.cookie))

    async def ask(self, who: Person, sent: bytes) -> int:
        """Send a request; return the status of its answer."""
        scope, body = scope_of_request(sent, who.network)
        link = _Link(body)
        await self.asgi(scope, link.receive, link.send)
        return link.status

    async def call(self, who: Person, method: str, message: bytes) -> int:
        """Make an RPC, as the server for gRPC passes it on; return the status of its answer."""
        metadata = (("dapr-api-token", who.key), ("dapr-app-id", "app"))
        environ = environ_of(SERVICE + method, metadata, f"ipv4:{who.network}:1")
        self.asgi.identify(environ)
        link = _Link(message)
        await self.asgi.serve(environ, link.receive, link.send)
        return link.status

    def begin(
        self, who: Person, operation: Operation, target: Any, number: int = PER_ATTACKER
    ) -> None:
        """Let a sender send so many requests of an operation at once."""
        for sent in islice(_requests(operation, target), number):
            doing = (
                self.call(who, operation.name.removeprefix("RPC "), sent)
                if operation.surface is Surface.RPC
                else self.ask(who, sent)
            )
            self._tasks.append(asyncio.ensure_future(doing))

    async def statuses(self) -> list[int]:
        """Return the statuses of all answers to what was begun, once they are there."""
        async with asyncio.timeout(PATIENCE_S):
            found = await asyncio.gather(*self._tasks)
        self._tasks.clear()
        return found

    def next_account(self) -> None:
        """Let further refusals be those of another account."""
        assert self._refused_as is not None
        self._refused_as += 1

    async def until_inside(self, who: Person, number: int) -> None:
        """Wait until so many requests of a sender are in threads; more may follow."""
        async with asyncio.timeout(PATIENCE_S):
            while self.inside[_name(who)] < number:
                self._entered.clear()
                if self.inside[_name(who)] < number:
                    await self._entered.wait()

    def inside_of(self, who: Person) -> int:
        """How many requests of a sender are in threads."""
        return self.inside[_name(who)]

    async def end(self) -> None:
        """Let everything go."""
        self.let_go(10 * PER_ATTACKER + THREADS)
        await asyncio.gather(*self._tasks)
        self.asgi.shutdown()


@asynccontextmanager
async def standing(*attackers: Person, **options: Any) -> AsyncIterator[Standing]:
    """An application that knows the accounts of all senders; at the end everything goes."""
    made = Standing(*attackers, **options)
    try:
        await made.greet(ATTACKER, VICTIM, ACCOMPLICE)
        yield made
    finally:
        await made.end()


def _name(who: Person) -> str:
    return f"{who.number}" if who.has_key else who.network


def _requests(operation: Operation, target: Any) -> Iterator[bytes]:
    """Two requests of each of several connections."""
    links = (islice(operation.requests(target, number), 2) for number in range(_LINKS))
    return chain.from_iterable(links)


def scope_of_request(sent: bytes, network: str) -> tuple[Message, bytes]:
    """The scope of a request with its body."""
    head, _, body = sent.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    method, target, _version = line.split(b" ")
    path, _, query = target.partition(b"?")
    named = (each.partition(b": ") for each in fields)
    scope = {
        "type": "http",
        "method": method.decode(),
        "http_version": "1.1",
        "scheme": "http",
        "raw_path": path,
        "query_string": query,
        "headers": [(name.lower(), value) for name, _, value in named],
        "client": (network, 1),
        "server": ("127.0.0.1", 2),
    }
    return scope, body


class _Link:
    """A connection on which one request with its body has arrived."""

    def __init__(self, body: bytes) -> None:
        self._arriving = [body]
        self.status = 0

    async def receive(self) -> Message:
        with suppress(IndexError):
            return {"type": "http.request", "body": self._arriving.pop(), "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
