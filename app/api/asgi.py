"""Front: the ASGI side of the web process, which waits for slow clients so that no thread has to.

A request is handed to the application (WSGI, in a thread) once its body is here, complete and
within its limits, and once it is its account's turn; docs/decisions/0006-web-server.md and
docs/decisions/0033-the-web-is-shared-by-account.md say why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Final

from app.api import refusals, wsgi_bridge
from app.api.downloads import SEND_S, Downloads
from app.api.fair_gate import FairGate, GateRefused
from app.api.senders import SENDER, Sender, Senders
from app.api.uploads import BODY_S, Uploads
from app.api.wsgi_bridge import Message, Receive, Send, WsgiResponse

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

# As many as the database pool keeps open.
THREADS: Final = 8
# Requests with a long body that are answered at once: what is made of one may take many times its
# bytes, and one after the other they are no slower, as one thread at a time reads documents.
LONG_AT_ONCE: Final = 2


class AsgiApp:
    """An ASGI application around a WSGI one; holds the threads that run the latter.

    `begin` is called when the process starts to serve, `end` when it stops; `quick` answers what
    needs no thread. A body must arrive within `body_s`
    seconds, and a client must take each piece of a long answer within `send_s`. One account has
    at most `share` of the threads, and so have all senders without a valid key together.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        begin: Callable[[], None] = lambda: None,
        end: Callable[[], Awaitable[None]] | None = None,
        quick: Callable[[Message], WsgiResponse | None] = lambda _: None,
        threads: int = THREADS,
        share: int = THREADS // 2,
        body_s: float = BODY_S,
        send_s: float = SEND_S,
    ) -> None:
        self._app = app
        self._begin = begin
        self._end = end
        self._quick = quick
        # One thread more, to refuse what finds no slot.
        self._threads = ThreadPoolExecutor(threads + 1, thread_name_prefix="request")
        self._gate = FairGate(threads, share)
        self._long = FairGate(LONG_AT_ONCE, LONG_AT_ONCE)
        self._senders = Senders()
        self._uploads = Uploads(body_s=body_s)
        self._downloads = Downloads(send_s=send_s)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, or the life of the process (ASGI 3)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        environ = wsgi_bridge.build_environ(scope)
        at_once = self._quick(environ)
        if at_once is not None:
            await wsgi_bridge.send_whole(at_once, send)
            return
        sender = environ[SENDER] = self._senders.identify(environ)
        if "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH", "0") != "0":
            answer = await self._answer_with_body(environ, sender, receive)
        else:
            answer = await self._answer(environ, sender)
        await self._downloads.send(answer, sender.lane, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._begin()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._end is not None:
            await self._end()
        self._threads.shutdown()
        self._downloads.shutdown()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer_with_body(
        self, environ: Message, sender: Sender, receive: Receive
    ) -> WsgiResponse:
        upload = await self._uploads.read(
            environ, receive, sender.account, partial(self._judge, environ, sender)
        )
        try:
            return await self._answer(environ, sender, long=upload.acquired)
        finally:
            self._uploads.release(upload)

    async def _judge(self, environ: Message, sender: Sender) -> int | None:
        """The account whose valid key came with a request; None where there is none."""
        try:
            await self._run(refusals.to_be_judged(environ), sender, sender.network)
        except GateRefused:
            return None
        return sender.account

    async def _answer(
        self, environ: Message, sender: Sender, *, long: bool = False
    ) -> WsgiResponse:
        """The application's answer, once it is the sender's turn; or that it has no turn."""
        if self._downloads.unread.exhausted(sender.lane):
            refusal = refusals.unread(self._downloads.unread.held(sender.lane))
        else:
            try:
                # A long body takes turns with its account's other requests: its slot is scarcer.
                async with self._long.slot(sender.lane) if long else nullcontext():
                    return await self._run(environ, sender, (sender.member, long))
            except GateRefused as refused:
                refusal = refusals.concurrent(refused)
        return await self._call(refusals.refused(environ, refusal))

    async def _run(self, environ: Message, sender: Sender, member: Hashable) -> WsgiResponse:
        async with self._gate.slot(sender.lane, member, share=sender.max_concurrent):
            answer = await self._call(environ)
        self._senders.remember(sender, answer.status)
        return answer

    async def _call(self, environ: Message) -> WsgiResponse:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, wsgi_bridge.run, self._app, environ)
