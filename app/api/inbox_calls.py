"""Inbox calls: answers calls to inboxes on the event loop, without a thread for each.

Anybody may call an inbox whose token they know, and no one else can. What strangers send is bounded
by network and by inbox, apart from what Wakecall itself sends, which its signature shows. One
thread finds and stores calls of many inboxes at once; accounts take turns in what it does next.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import orjson

from app.api import wsgi_bridge
from app.api.batches import Batches
from app.api.call_rates import CallRates
from app.api.fair_gate import FairGate, GateRefused
from app.api.long_polls import MAX_WAITING, LongPolls
from app.api.senders import network_of
from app.api.shared_budget import SharedBudget
from app.api.wsgi_bridge import Message, Receive, Send, WsgiResponse
from app.domain import completion, instants
from app.domain import inbox as domain
from app.domain.inbox import Answer, NewCall, Received, Signature
from app.domain.inbox_address import PATH
from app.domain.signature import SignatureCheck
from app.errors import InvalidMember, NotFound, RateLimited, TooLarge, TooSlow, Unavailable
from app.service.inbox_reception import Called, Reception
from app.uptime import read_uptime

MAX_BODY: Final = 5 * 1024 * 1024
"""Bytes of a call's body, of which only the beginning is kept. A Dapr payload has 4 MiB at most."""

BODY_S: Final = 15.0
MAX_OPEN: Final = 1024
"""Calls that one process has under way at once; an account that is alone has half of them."""

_BATCH: Final = 200
_MAX_WAITING: Final = 2000
_UNKNOWN_PER_S: Final = 20.0
"""Calls a second that one network may make with tokens that no inbox has."""

_UNKNOWN_BURST: Final = 200
_GUESSES_PAUSE_S: Final = 0.05
"""Seconds between two lookups of tokens that may be guessed."""

_MAX_KNOWN: Final = 4096
"""Tokens that were found, which are looked up at once whatever else their network sends."""

_LONG: Final = 16_384
"""Bytes from which on the parts of bodies are hashed one in each turn of the event loop, of the
accounts in turn: it hashes them with every secret of the account, while all other requests wait."""

_SIGNED_PER_S: Final = 50.0
"""Signed calls a second that one inbox takes."""

_SIGNED_BURST: Final = 200
_UNSIGNED_PER_S: Final = 5.0
"""Other calls a second that one inbox takes."""

_UNSIGNED_BURST: Final = 50
_MAX_ATTEMPT: Final = 9
_TEXT: Final = "text/plain; charset=utf-8"
_PROBLEM: Final = "application/problem+json"


class InboxCalls:
    """Answers calls to inboxes; used by one event loop. `slow_s` is the wait of Answer.WAIT.

    `long_polls` are the requests that wait for such calls.
    """

    def __init__(
        self,
        reception: Reception,
        *,
        path_prefix: str = "",
        slow_s: float = domain.SLOW_S,
        body_s: float = BODY_S,
    ) -> None:
        self._reception = reception
        self._path_prefix = path_prefix
        self._slow_s = slow_s
        self._ends_waits = asyncio.Event()
        self._body_s = body_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inboxes")
        self._lookups = Batches(self._thread, reception.find, size=_BATCH, most=_MAX_WAITING)
        self._stores = Batches(self._thread, reception.store, size=_BATCH, most=_MAX_WAITING)
        self.long_polls = LongPolls(
            # Twice as many as wait, because they have one owner, which must leave half free.
            Batches(self._thread, reception.latest, size=MAX_WAITING, most=2 * MAX_WAITING)
        )
        # In batches of their own, so that guessed tokens delay no others.
        self._guesses = Batches(
            self._thread,
            reception.find,
            size=_BATCH,
            most=_MAX_WAITING,
            pause_s=_GUESSES_PAUSE_S,
        )
        self._open = SharedBudget(MAX_OPEN)
        self._long_parts = FairGate(1, 1, max_waiting=MAX_OPEN)
        self._known: OrderedDict[str, int] = OrderedDict()
        """The account of each token that was found."""

        self._unknown = CallRates(_UNKNOWN_PER_S, _UNKNOWN_BURST)
        self._signed = CallRates(_SIGNED_PER_S, _SIGNED_BURST)
        self._unsigned = CallRates(_UNSIGNED_PER_S, _UNSIGNED_BURST)

    def end_waits(self) -> None:
        """Answer at once from now on: a process that is being stopped is killed after 15 s."""
        self._ends_waits.set()
        self.long_polls.end_waits()

    def shutdown(self) -> None:
        """End the thread when it has stored what came."""
        self._thread.shutdown()

    async def answer(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request whose path begins with PATH."""
        arrived_at = read_uptime()
        try:
            response = await self._respond(scope, receive, arrived_at)
        except (NotFound, RateLimited, TooLarge, TooSlow, Unavailable) as error:
            response = self._problem(error)
        except _ClientGone:
            return
        if scope["method"] == "HEAD":
            response = WsgiResponse(
                status=response.status, headers=response.headers, start=b"", rest=None
            )
        await wsgi_bridge.send_whole(response, send)

    async def _respond(self, scope: Message, receive: Receive, arrived_at: float) -> WsgiResponse:
        token, rest = _split(scope["raw_path"])
        called = await self._find(token, network_of(scope["client"][0]))
        if not self._open.acquire(called.account_id):
            raise RateLimited(
                "Too many calls to inboxes of this account are under way.",
                retry_after=1,
                remedy="Send fewer calls at once.",
            )
        try:
            await self._take(called, scope, rest, receive, arrived_at)
            if called.answer is Answer.WAIT:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ends_waits.wait(), self._slow_s)
            return _response(called.answer)
        finally:
            self._open.release(called.account_id)

    async def _find(self, token: str, network: str) -> Called:
        if not domain.is_token(token):
            raise _unknown()
        # Behind a proxy all clients have one address: whoever guesses tokens must not stop others.
        account = self._known.get(token)
        is_guess = account is None and self._unknown.exhausted(network)
        lookups = self._guesses if is_guess else self._lookups
        called = await lookups.submit(token, network if account is None else account)
        if called is None:
            self._unknown.take(network)
            self._known.pop(token, None)
            raise _unknown()
        self._known[token] = called.account_id
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)
        return called

    async def _take(
        self, called: Called, scope: Message, rest: str, receive: Receive, arrived_at: float
    ) -> None:
        """Read the body, and store the call."""
        headers = _headers(scope)
        check = SignatureCheck(
            called.secrets,
            signature=headers.get("webhook-signature", ""),
            message_id=headers.get("webhook-id", ""),
            timestamp=headers.get("webhook-timestamp", ""),
        )
        kept, length = await self._read(receive, check, called.account_id)
        received_at = self._reception.time_of(arrived_at)
        if received_at is None:
            raise Unavailable("The database's clock is not known yet. Try again shortly.")
        signature = check.result(received_at)
        rates = self._signed if signature is Signature.VERIFIED else self._unsigned
        if not rates.take(called.id):
            raise RateLimited(
                "This inbox gets too many calls.",
                retry_after=1,
                remedy="Wait for the number of seconds in Retry-After.",
            )
        received = Received(
            received_at=received_at,
            method=scope["method"][:64],
            path=rest[: domain.KEPT_PATH],
            query=_text(scope["query_string"])[: domain.KEPT_PATH],
            headers=_kept_headers(scope),
            body=kept,
            body_bytes=length,
            signature=signature,
            **(_of_wakecall(headers) if signature is Signature.VERIFIED else {}),
        )
        number = await self._stores.submit(
            NewCall(inbox_id=called.id, answer=called.answer, received=received), called.account_id
        )
        if number is None:
            raise _unknown()
        self.long_polls.arrived(called.id, number)

    async def _read(
        self, receive: Receive, check: SignatureCheck, account_id: int
    ) -> tuple[bytes, int]:
        """Return the beginning of the body, and its length; check its signature meanwhile."""
        kept, length, more = bytearray(), 0, True
        try:
            async with asyncio.timeout(self._body_s):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _ClientGone
                    part = message.get("body", b"")
                    more = message.get("more_body", False)
                    length += len(part)
                    if length > MAX_BODY:
                        raise TooLarge(
                            f"The body has more than {MAX_BODY} bytes.",
                            remedy=f"Send at most {MAX_BODY} bytes to an inbox.",
                        )
                    if length <= _LONG:
                        check.update(part)
                    else:
                        async with self._long_parts.slot(account_id):
                            check.update(part)
                            await asyncio.sleep(0)
                    kept += part[: domain.KEPT_BODY - len(kept)]
        except TimeoutError:
            raise TooSlow(
                "The body did not arrive in time.", remedy="Send the request again, faster."
            ) from None
        except GateRefused:
            raise RateLimited(
                "Too many calls with long bodies come to inboxes of this account.",
                retry_after=1,
                remedy="Send fewer calls at once.",
            ) from None
        return bytes(kept), length

    def _problem(
        self, error: NotFound | RateLimited | TooLarge | TooSlow | Unavailable
    ) -> WsgiResponse:
        status = _STATUS[type(error)]
        problem = {
            "type": f"{self._path_prefix}/problems/{error.code}",
            "title": status.phrase,
            "status": int(status),
            "detail": error.message,
        }
        if remedy := getattr(error, "remedy", ""):
            problem["remedy"] = remedy
        fields = {"Retry-After": "1"} if status in _LATER else {}
        return _plain(status, _PROBLEM, orjson.dumps(problem), fields)


class _ClientGone(Exception):
    """The client went, or its body cannot be read any further."""


_STATUS: Final = {
    NotFound: HTTPStatus.NOT_FOUND,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
_LATER: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


def _response(answer: Answer) -> WsgiResponse:
    match answer:
        case Answer.ERROR:
            text = b"This inbox is set to answer with 500.\n"
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR, _TEXT, text)
        case Answer.BUSY:
            text = b"This inbox is set to answer with 429.\n"
            fields = {"Retry-After": str(domain.BUSY_S)}
            return _plain(HTTPStatus.TOO_MANY_REQUESTS, _TEXT, text, fields)
        case Answer.LATER:
            text = b"This inbox is set to answer with 202; complete the run later.\n"
            fields = {completion.HEADER: f"later; within={domain.COMPLETED_WITHIN_S}"}
            return _plain(HTTPStatus.ACCEPTED, _TEXT, text, fields)
        case _:
            return _plain(HTTPStatus.NO_CONTENT, None, b"")


def _plain(
    status: HTTPStatus, media_type: str | None, body: bytes, fields: Mapping[str, str] | None = None
) -> WsgiResponse:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(fields or {})}
    if media_type is not None:
        headers |= {"Content-Type": media_type, "Content-Length": str(len(body))}
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return WsgiResponse(status=int(status), headers=encoded, start=body, rest=None)


def _split(raw_path: bytes) -> tuple[str, str]:
    """Return the token in the path of a request, and what follows it."""
    token, slash, rest = _text(raw_path)[len(PATH) :].partition("/")
    return token, slash + rest


def _text(raw: bytes) -> str:
    """Return bytes of a request as text that PostgreSQL stores."""
    return raw.decode("latin-1").replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _headers(scope: Message) -> dict[str, str]:
    """Return the headers of a request by their names in lower case; of equal ones, the first."""
    return {name.decode("latin-1"): _text(value) for name, value in reversed(scope["headers"])}


def _kept_headers(scope: Message) -> tuple[tuple[str, str], ...]:
    kept, size = [], 0
    for name, value in scope["headers"][: domain.MAX_HEADERS]:
        size += len(name) + len(value)
        if size > domain.KEPT_HEADERS:
            break
        kept.append((_text(name), _text(value)))
    return tuple(kept)


def _of_wakecall(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the run that the headers of a signed call name."""
    attempt = headers.get("wakecall-attempt", "")
    is_number = attempt.isascii() and attempt.isdigit() and len(attempt) <= _MAX_ATTEMPT
    found: dict[str, Any] = {"attempt": int(attempt) if is_number else None}
    try:
        found["run_id"] = UUID(headers.get("webhook-id", ""))
        found["scheduled_for"] = instants.parse(
            headers.get("wakecall-scheduled-for", ""), member="wakecall-scheduled-for"
        )
    except (ValueError, InvalidMember):
        pass
    return found


def _unknown() -> NotFound:
    return NotFound(
        "There is no inbox at this address.",
        remedy="Copy the URL of the inbox again: it may have been deleted.",
    )
