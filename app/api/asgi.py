"""ASGI application: the ASGI side of the web process. No thread waits for a slow client.

A request is passed to the application (WSGI, in a thread) when its body is complete and within its
limits, and when it is its account's turn; docs/decisions/0006-web-server.md and
docs/decisions/0033-the-web-is-shared-by-account.md give the reasons.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from app.api import dialects, direct_bookings, forwarded, priority, refusals, wsgi_bridge
from app.api.direct_bookings import DirectBookings
from app.api.downloads import SEND_S, Downloads
from app.api.fair_gate import FairGate, GateRefused
from app.api.forwarded import Network
from app.api.inbox_calls import InboxCalls
from app.api.long_polls import AWAITED, Awaited, LongPolls
from app.api.refusal_pace import RefusalPace
from app.api.request_threads import RequestThreads
from app.api.senders import KEYS, SENDER, Sender, Senders
from app.api.uploads import BODY_S, Uploads
from app.api.wsgi_bridge import ONWARD, Message, Receive, Send, WsgiResponse
from app.domain.inbox_address import PATH
from app.errors import RateLimited
from app.http_server.whole_requests import PASSED_ON, WholeRequest

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

# As many as the database pool keeps open.
THREADS: Final = 8
# Requests with a long body that are processed at once. A parsed body may take many times its bytes
# of memory. More at once would not be faster, because one thread at a time parses documents.
LONG_AT_ONCE: Final = 2
# Of the lists that an account asks for, how many are made at once. Making a long one keeps the
# interpreter busy for a tenth of a second, during which the requests of others share it.
LISTS_AT_ONCE: Final = 1

# As a number: to read a member of HTTPStatus calls a function, for each request.
_TOO_MANY: Final = int(HTTPStatus.TOO_MANY_REQUESTS)
_INBOXES: Final = PATH.encode()
_WAIT: Final = "wait="
"""Part of the query of each request that may wait on the event loop."""

Onward = Callable[[Any], Awaitable[WsgiResponse]]


class AsgiApp:
    """An ASGI application that runs a WSGI application in its threads.

    `begin` is called when the process starts to serve, `end` when it stops. `quick` answers the
    requests that need no thread, and returns None for others. A body must arrive within `body_s`
    seconds, and a client must read each slice of a long response within `send_s` seconds. One
    account uses at most `share` of the `threads`, and so do all senders without a valid key
    together. A route may put a request that another server is to answer into the list ONWARD of
    its environment; `onward` then fetches that answer, for which no thread waits. Calls to inboxes
    are passed to `inbox_calls`, and plain bookings are made by `direct`. `proxies` tell the
    addresses of their clients, and are believed. The threads have this `niceness`, and the event
    loop and the thread that writes bookings keep that of the process.
    """

    def __init__(  # noqa: PLR0913 - a bound or a callback each
        self,
        app: WSGIApplication,
        *,
        begin: Callable[[], Awaitable[None]] | None = None,
        end: Callable[[], Awaitable[None]] | None = None,
        quick: Callable[[Message], WsgiResponse | None] = lambda _: None,
        threads: int = THREADS,
        share: int = THREADS // 2,
        body_s: float = BODY_S,
        send_s: float = SEND_S,
        onward: Onward | None = None,
        inbox_calls: InboxCalls | None = None,
        direct: DirectBookings | None = None,
        proxies: Sequence[Network] = (),
        niceness: int = 0,
    ) -> None:
        self._proxies = proxies
        self._app = app
        self._inbox_calls = inbox_calls
        self._long_polls = None if inbox_calls is None else inbox_calls.long_polls
        self._onward = onward
        self._direct = direct
        self._begin = begin
        self._end = end
        self._quick = quick
        # One more thread, to refuse requests that get no slot.
        lower = partial(priority.lower, niceness)
        self._threads = RequestThreads[WsgiResponse](threads + 1, begin=lower)
        self._gate = FairGate(threads, share)
        self._long = FairGate(LONG_AT_ONCE, LONG_AT_ONCE)
        # Of each account, the one with a long body that holds a thread and waits for one of these.
        # Those of all accounts together leave half of the threads to requests that need none.
        self._long_next = FairGate(max(1, threads // 2), 1)
        self._lists = FairGate(threads, LISTS_AT_ONCE)
        # Those without a slot have no turn of their own before the threads, so that the requests of
        # others would wait behind all of them. There are as many as there are connections.
        self._refusals = FairGate(1, 1, max_waiting=sys.maxsize, max_wait_s=None)
        self._senders = Senders()
        self._uploads = Uploads(body_s=body_s)
        self._downloads = Downloads(send_s=send_s, begin=lower)
        self._refusal_pace = RefusalPace()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan of the process (ASGI 3)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._proxies:
            scope = {**scope, "client": forwarded.client_of(scope, self._proxies)}
        environ = wsgi_bridge.build_environ(scope)
        at_once = self._quick(environ)
        if at_once is not None:
            await self._downloads.send_kept(at_once, send)
            return
        if self._inbox_calls is not None and scope["raw_path"].startswith(_INBOXES):
            await self._inbox_calls.answer(scope, receive, send)
            return
        self.identify(environ)
        if PASSED_ON in scope:
            environ |= scope[PASSED_ON]
        await self.serve(environ, receive, send)

    def take(self, request: WholeRequest) -> bool:
        """Whether the request is a plain booking, which is then answered without a task.

        It is if one with the same head has been looked at, and found to be one by its head.
        """
        notes = request.notes
        if self._direct is None or notes.get(direct_bookings.READER) is None:
            return False
        key, sent = notes[KEYS]
        account = self._senders.account_of(sent)
        if account is not None and self._downloads.unread.exhausted(account):
            return False
        return self._direct.take(request, key, partial(self._senders.confirm, sent))

    def identify(self, environ: Message) -> Sender:
        """Note in the environment of a request who sends it, as far as is known, and return it."""
        sender = environ[SENDER] = self._senders.identify(environ)
        return sender

    async def serve(self, environ: Message, receive: Receive, send: Send) -> None:
        """Serve one request whose sender has been identified."""
        sender: Sender = environ[SENDER]
        passed_on: list[Any] = []
        if self._onward is not None:
            environ[ONWARD] = passed_on
        if "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH", "0") != "0":
            answer = await self._answer_with_body(environ, sender, receive)
        elif self._long_polls is not None and _WAIT in environ["QUERY_STRING"]:
            later = await self._answer_later(self._long_polls, environ, sender, receive)
            if later is None:
                return
            answer = later
        else:
            answer = await self._answer(environ, sender)
        if self._onward is not None and passed_on:
            answer = await self._onward(passed_on[0])
        if answer.status == _TOO_MANY and sender.account is not None:
            # Here the refusal holds neither a thread nor a slot.
            await asyncio.sleep(self._refusal_pace.delay(sender.account, time.monotonic()))
        await self._downloads.send(answer, sender.owner, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        if self._begin is not None:
            await self._begin()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._end is not None:
            await self._end()
        self.shutdown()
        await send({"type": "lifespan.shutdown.complete"})

    def end_waits(self) -> None:
        """Let no request wait any longer for what may come, as the server stops."""
        if self._inbox_calls is not None:
            self._inbox_calls.end_waits()

    def shutdown(self) -> None:
        """End the threads when their work is done; no server may serve requests any more."""
        self._threads.shutdown()
        if self._direct is not None:
            self._direct.shutdown()
        if self._inbox_calls is not None:
            self._inbox_calls.shutdown()
        self._downloads.shutdown()

    async def _answer_with_body(
        self, environ: Message, sender: Sender, receive: Receive
    ) -> WsgiResponse:
        upload = await self._uploads.read(
            environ, receive, sender.account, partial(self._judge, environ, sender)
        )
        try:
            booked = await self._book(environ, sender)
            if booked is not None:
                return booked
            if direct_bookings.is_unknown(environ):
                # Not through the gate, whose refusal would say that nothing was stored. The
                # route uses no database, so it holds a thread for a moment only.
                return await self._call(environ)
            return await self._answer(environ, sender, long=upload.acquired)
        finally:
            self._uploads.release(upload)

    async def _book(self, environ: Message, sender: Sender) -> WsgiResponse | None:
        """Return the response to a plain booking that was made directly, None for all others."""
        if self._direct is None or direct_bookings.is_tried(environ):
            return None
        if self._downloads.unread.exhausted(sender.owner):
            return None
        booked = await self._direct.answer(environ)
        if booked is not None:
            self._senders.remember(sender, booked.status)
        return booked

    async def _judge(self, environ: Message, sender: Sender) -> int | None:
        """Return the account whose valid key came with a request; None without a valid key."""
        try:
            await self._run(refusals.to_be_judged(environ), sender, sender.network)
        except GateRefused:
            return None
        return sender.account

    async def _answer(
        self, environ: Message, sender: Sender, *, long: bool = False
    ) -> WsgiResponse:
        """Return the application's response when it is the sender's turn, or else a refusal."""
        if self._downloads.unread.exhausted(sender.owner):
            refusal = refusals.unread(sender, self._downloads.unread.held(sender.owner))
        else:
            try:
                if long:
                    return await self._run_long(environ, sender)
                # A list waits for the only slot of its account first.
                async with self._list_slot(environ, sender):
                    return await self._run(environ, sender, sender.member)
            except GateRefused as refused:
                refusal = refusals.concurrent(refused)
        return await self._refuse(environ, sender, refusal)

    async def _refuse(self, environ: Message, sender: Sender, refusal: RateLimited) -> WsgiResponse:
        """Return a refusal, one at a time, in turn by sender."""
        async with self._refusals.slot(sender.lane, sender.member):
            return await self._call(refusals.refused(environ, refusal))

    async def _answer_later(
        self, long_polls: LongPolls, environ: Message, sender: Sender, receive: Receive
    ) -> WsgiResponse | None:
        """Return the application's response, once there is what it waits for; None if nobody reads.

        The application gets the request twice. It marks the environment, hence the copy.
        """
        again = dict(environ)
        awaited: list[Awaited] = []
        environ[AWAITED] = awaited
        answer = await self._answer(environ, sender)
        if not awaited:
            return answer
        try:
            if not await long_polls.wait(awaited[0], sender.account, receive):
                return None
        except RateLimited as refusal:
            return await self._refuse(again, sender, refusal)
        return await self._answer(again, sender)

    def _list_slot(self, environ: Message, sender: Sender) -> AbstractAsyncContextManager[None]:
        """A slot for a list; others need none."""
        # A request of an unknown sender waits for no list of another one.
        is_list = dialects.is_list(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if is_list and sender.account is not None:
            return self._lists.slot(sender.lane)
        return nullcontext()

    async def _run_long(self, environ: Message, sender: Sender) -> WsgiResponse:
        """Run a request with a long body, for which there are few slots for all accounts.

        While it waits for requests of its own account, it holds none of these. And at most one
        request of an account holds a slot of that account while it waits for one of these.
        """
        member = (sender.member, "long")
        own = self._gate.slot(sender.lane, member, share=sender.max_concurrent)
        async with self._long.slot(sender.lane):
            if own.is_free():
                async with own:
                    return await self._call_for(environ, sender)
        async with AsyncExitStack() as held:
            async with self._long_next.slot(sender.lane, sender.member):
                await held.enter_async_context(own)
                await held.enter_async_context(self._long.slot(sender.lane))
            return await self._call_for(environ, sender)

    async def _run(self, environ: Message, sender: Sender, member: Hashable) -> WsgiResponse:
        async with self._gate.slot(sender.lane, member, share=sender.max_concurrent):
            return await self._call_for(environ, sender)

    async def _call_for(self, environ: Message, sender: Sender) -> WsgiResponse:
        answer = await self._call(environ)
        self._senders.remember(sender, answer.status)
        return answer

    async def _call(self, environ: Message) -> WsgiResponse:
        return await self._threads.run(wsgi_bridge.run, self._app, environ)
