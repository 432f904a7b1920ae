"""Invoker: a sidecar's calls of other apps, through the client and the guard of all deliveries."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Lock, Thread
from typing import Final

from app import invocation_messages
from app.delivery.addressing import TOKEN_HEADER
from app.delivery.engine import Engine
from app.delivery.guard import Guard
from app.delivery.loop import Loop
from app.delivery.request import Call
from app.delivery.resolver import Resolver
from app.domain.dapr.invocation import MAX_ANSWER, TIMEOUT_S, Invocation
from app.domain.endpoint import AppProtocol
from app.domain.run import Reply
from app.domain.target import Network

MAX_AT_ONCE: Final = 32
"""Calls under way at once. Each may hold a request and an answer of 4 MiB in memory."""

_FULL: Final = "The sidecar makes {} calls of other apps at once, and all of them are under way."


class Invoker:
    """Calls apps from a thread of its own; `invoke` may be called from any thread.

    `allow` and `deny` are the networks of the settings, and `ca_file` the certificates, as for
    deliveries.
    """

    def __init__(
        self,
        *,
        allow: tuple[Network, ...] = (),
        deny: tuple[Network, ...] = (),
        ca_file: str | None = None,
        at_once: int = MAX_AT_ONCE,
    ) -> None:
        self._loop = Loop()
        guard = Guard(self._loop, Resolver(self._loop), allow=allow, deny=deny)
        self._engine = Engine(self._loop, guard, ca_file=ca_file, keep_connections=at_once)
        self._at_once = at_once
        self._under_way = 0
        self._lock = Lock()
        self._thread = Thread(target=self._loop.run, name="invoker", daemon=True)
        self._thread.start()

    def invoke(self, invocation: Invocation) -> Future[Reply]:
        """Call the app; the Reply comes with up to MAX_ANSWER bytes of the answer's body.

        That of an app that speaks gRPC comes as that of one that speaks HTTP would. Whatever goes
        wrong is an error in the Reply: `too-many-calls` where as many as may be are under way,
        `answer-too-large`, and those of the engine.
        """
        found: Future[Reply] = Future()
        # Before the place is taken, which only an answer gives back: building may fail.
        is_grpc = invocation.callee.protocol is AppProtocol.GRPC
        call = invocation_messages.to_call(invocation) if is_grpc else _call(invocation)
        with self._lock:
            if self._under_way >= self._at_once:
                found.set_result(_error("too-many-calls", _FULL.format(self._at_once)))
                return found
            self._under_way += 1
        self._loop.call_soon_threadsafe(self._send, call, is_grpc, found)
        return found

    def close(self) -> None:
        """Break off what is under way, and end the thread."""
        self._loop.call_soon_threadsafe(self._engine.close)
        self._loop.stop()
        self._thread.join()
        self._loop.close()

    def _send(self, call: Call, is_grpc: bool, found: Future[Reply]) -> None:  # noqa: FBT001 - handed over by the loop
        def on_reply(reply: Reply) -> None:
            self._on_reply(invocation_messages.plain(reply) if is_grpc else reply, found)

        self._engine.post(call, on_reply)

    def _on_reply(self, reply: Reply, found: Future[Reply]) -> None:
        with self._lock:
            self._under_way -= 1
        if len(reply.body) > MAX_ANSWER:
            reply = _error("answer-too-large", f"The answer has more than {MAX_ANSWER} bytes.")
        # The thread that waited may be gone by now.
        if found.set_running_or_notify_cancel():
            found.set_result(reply)


def _call(invocation: Invocation) -> Call:
    # Without a value libcurl sends no such field; without the line it would send one of its own.
    content_type = f"Content-Type: {invocation.content_type or ''}".rstrip()
    token = invocation.callee.token
    own = [f"{name}: {value}" for name, value in invocation.fields]
    if token is not None:
        own.append(f"{TOKEN_HEADER}: {token}")
    # One byte more than may come, by which a longer answer shows.
    return Call(
        invocation.url,
        (content_type,),
        invocation.body,
        TIMEOUT_S,
        invocation.method,
        tuple(own),
        keep=MAX_ANSWER + 1,
    )


def _error(code: str, detail: str) -> Reply:
    return Reply(error=code, error_detail=detail, connected=False)
