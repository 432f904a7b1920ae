"""Direct bookings: books a plain job on the event loop, without a thread and Flask's request.

The readers of documents, the use cases and the renderers are those of the routes. A request that is
in any way unusual, or that is to be refused, goes to its route as if nothing had been tried: only a
success is answered here. docs/decisions/0059-bookings-are-written-together.md gives the reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from flask import Flask, request

from app import random_ids
from app.api import caching, rate, refusals, senders
from app.api.auth import Bound
from app.api.bodies import FAILURE
from app.api.booking_batches import BookingBatches
from app.api.context import context_of
from app.api.head_notes import NOTES, noted
from app.api.rate import RateState
from app.api.senders import SENDER, Sender
from app.api.wsgi_bridge import BASE, OF_HEAD, ONWARD, Message, WsgiResponse
from app.domain.account import CachedCaller
from app.domain.key import KeyText
from app.domain.limits import Limits
from app.errors import InvalidMember
from app.http_server.whole_requests import WholeRequest
from app.log import logger
from app.service.booking_batches import BatchWriter, Outcome
from app.service.context import Context
from app.store import database
from app.store.booking_batches import WantedJob

MAX_BODY: Final = 8 * 1024
"""A longer document would keep the event loop too long."""

MAX_QUOTES: Final = 128
"""Quotation marks of a JSON document that is read on the event loop. Each of its members has two at
least, and to read one takes up to 2.8 µs."""

MAX_ANSWER: Final = 64 * 1024
"""Bytes of a response that is sent at once, whether or not its client reads it."""

READER: Final = "direct reader"
"""The name in the notes of the reader of a request; None where its route is to answer."""

Confirm = Callable[[int, int], None]
"""Takes note of the account of a valid key, and of how many of its requests run at once."""

_AWAY: Final = "wakecall.database_away"
_READERS: Final = "wakecall.direct_readers"
_CREDENTIALS: Final = ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY", "HTTP_DAPR_API_TOKEN")
_FURTHER: Final = frozenset(
    f"HTTP_{name}"
    for name in (
        *("HOST", "ACCEPT", "ACCEPT_ENCODING", "ACCEPT_LANGUAGE", "USER_AGENT", "CONNECTION"),
        *("CACHE_CONTROL", "PRAGMA", "SEC_FETCH_MODE", "DAPR_APP_ID"),
        *("TRACEPARENT", "TRACESTATE", "BAGGAGE", "X_REQUEST_ID", "VIA", "FORWARDED"),
        *("X_FORWARDED_FOR", "X_FORWARDED_PROTO", "X_FORWARDED_HOST", "X_FORWARDED_PORT"),
        *("X_REAL_IP", "GRPC_ACCEPT_ENCODING"),
    )
)
_KNOWN: Final = frozenset(
    {
        *BASE,
        *("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "REQUEST_URI", "REMOTE_ADDR"),
        *("SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "wsgi.url_scheme", "wsgi.input"),
        *("CONTENT_TYPE", "CONTENT_LENGTH", SENDER, ONWARD, NOTES),
        *_CREDENTIALS,
        *_FURTHER,
    }
)
"""What may be in the environment of a plain request. Other fields may change what is to be done."""


class DirectRequest(NamedTuple):
    """A request that may be a plain booking, and its caller, whose key is to be verified."""

    environ: Message
    """What the environment has of the head; it must not be changed."""
    body: bytes
    caller: CachedCaller
    context: Context


class DirectBooking(NamedTuple):
    """A job to be booked, and the response once it is stored, without the fields of every one."""

    wanted: WantedJob
    status: int
    fields: Sequence[tuple[bytes, bytes]]
    body: bytes
    size: int
    """The length of the request's body."""


class _Counted(NamedTuple):
    """A booking that has been read and counted."""

    booking: DirectBooking
    limits: Limits
    state: RateState | Literal[False]

    @property
    def account(self) -> int:
        """The id of the caller's account."""
        return self.booking.wanted.caller.account.id

    def said(self, outcome: Outcome) -> Message:
        """What the environment says of a request that was not booked, for its route."""
        counted: Message = {rate.COUNTED: self.state}
        return counted | {_AWAY: True} if outcome is Outcome.UNKNOWN else counted


class _Offer(NamedTuple):
    """A reader, the requests that it reads, and what may be in their environments."""

    covers: Callable[[Message], bool]
    reader: Reader
    known: frozenset[str]


Reader = Callable[[DirectRequest], DirectBooking | None]
"""Reads a request of its dialect; None, or any exception, for one that its route is to answer."""


def offer(
    app: Flask,
    covers: Callable[[Message], bool],
    reader: Reader,
    *,
    further: frozenset[str] = frozenset(),
) -> None:
    """Let `reader` read the POST requests that it `covers`, which may have `further` fields."""
    found: list[_Offer] = app.extensions.setdefault(_READERS, [])
    found.append(_Offer(covers, reader, _KNOWN | further))


def is_quick(body: bytes) -> bool:
    """Whether a JSON document has few enough members to be read on the event loop."""
    return body.count(b'"') <= MAX_QUOTES


def install(app: Flask) -> None:
    """Let the routes of this application answer what could not be booked directly."""
    app.before_request(_resume)
    app.teardown_request(lambda _error: database.declare_away(is_away=False))


def is_tried(environ: Message) -> bool:
    """Whether this request was tried directly before, and its route is to answer it."""
    return rate.COUNTED in environ


def is_unknown(environ: Message) -> bool:
    """Whether this request was booked, and its database was lost before it had answered."""
    return _AWAY in environ


def _resume() -> None:
    """Continue with what became of a booking whose database was lost while it was stored."""
    if is_unknown(request.environ):
        database.declare_away(is_away=True)


class DirectBookings:
    """Books plain jobs; only one event loop may use it.

    `bound` is the caller of all requests, for a listener whose clients send no key.
    """

    def __init__(self, app: Flask, *, bound: Bound | None = None) -> None:
        self._context = context_of(app)
        self._rates = rate.rates_of(app)
        self._offers: list[_Offer] = app.extensions.get(_READERS, [])
        self._bound = bound
        self._writer = BatchWriter(self._context)
        self._batches = BookingBatches(self._writer.write)
        self._fields = [
            (name.encode(), value.encode()) for name, value in caching.private_fields().items()
        ]

    async def answer(self, environ: Message) -> WsgiResponse | None:
        """Return the response to a booking that was stored, None if the route is to answer."""
        found = self._read(environ)
        if found is None:
            return None
        outcome = await self._batches.book(found.booking.wanted, found.booking.size)
        if outcome is Outcome.STORED:
            senders.note(environ, found.account, found.limits.concurrent_requests)
            return WsgiResponse(
                status=found.booking.status,
                headers=self._headers(found),
                start=found.booking.body,
                rest=None,
            )
        environ |= found.said(outcome)
        return None

    def take(self, request: WholeRequest, key: KeyText | None, confirm: Confirm) -> bool:
        """As `answer`, of a whole request, without waiting; False if it is no plain booking.

        Its notes have READER and OF_HEAD, and `key` is what its head has as that of its Sender.
        Where its route is to answer in the end, it is passed on with what its environment is to
        have.
        """
        notes = request.notes
        found = self._count_by(notes[READER], notes[OF_HEAD], request.body, key)
        if found is None:
            return False
        ended = _Taken(request, found, self._headers, confirm)
        self._batches.add(found.booking.wanted, found.booking.size, ended)
        return True

    def shutdown(self) -> None:
        """End the thread, when it has stored its batch."""
        self._batches.shutdown()
        self._writer.close()

    def _read(self, environ: Message) -> _Counted | None:
        # Asked before the reader is noted: it does not follow from the head.
        if FAILURE in environ:
            return None
        reader = noted(environ, READER, self._reader_for)
        if reader is None:
            return None
        sender: Sender | None = environ.get(SENDER)
        key = None if sender is None else sender.key
        return self._count_by(reader, environ, environ["wsgi.input"].getvalue(), key)

    def _count_by(
        self, reader: Reader, environ: Message, body: bytes, key: KeyText | None
    ) -> _Counted | None:
        """Read a booking that may wait now, and count it; None if the route is to answer."""
        try:
            found = self._read_by(reader, environ, body, key)
        except Exception:  # noqa: BLE001 - the route meets the same, and reports it
            return None
        if found is None:
            return None
        booking, limits = found
        state = self._count(booking.wanted.caller.account.id, limits)
        return None if state is None else _Counted(booking, limits, state)

    def _reader_for(self, environ: Message) -> Reader | None:
        """The reader of a request, by its head; None where its route is to answer."""
        if environ["REQUEST_METHOD"] != "POST":
            return None
        offer = next((each for each in self._offers if each.covers(environ)), None)
        if offer is None or not environ.keys() <= offer.known:
            return None
        if self._bound is None and sum(name in environ for name in _CREDENTIALS) != 1:
            return None
        try:
            refusals.check_host(environ)
        except InvalidMember:
            return None
        return offer.reader

    def _read_by(
        self, reader: Reader, environ: Message, body: bytes, key: KeyText | None
    ) -> tuple[DirectBooking, Limits] | None:
        size = str(len(body))
        # Without a length it is a message of gRPC, which is whole.
        if len(body) > MAX_BODY or environ.get("CONTENT_LENGTH", size) != size:
            return None
        caller = self._caller(key)
        if caller is None or not self._batches.has_room(caller.account.id):
            return None
        limits = self._context.limit_cache.get_reported(caller.account.id)
        if limits is None:
            return None
        found = reader(DirectRequest(environ, body, caller, self._context))
        return None if found is None or len(found.body) > MAX_ANSWER else (found, limits)

    def _caller(self, key: KeyText | None) -> CachedCaller | None:
        if self._bound is not None:
            return self._context.key_cache.get_listener(self._bound.account, self._bound.app)
        if key is None:
            return None
        found = self._context.key_cache.get(key)
        if found is not None:
            self._context.key_use.note(found.key_id)
        return found

    def _count(self, account: int, limits: Limits) -> RateState | Literal[False] | None:
        """Count the request; False without a limit, None if the route is to count it."""
        if limits.requests_per_second is None:
            return False
        return self._rates.count_in_memory(account, limits.requests_per_second)

    def _headers(self, found: _Counted) -> list[tuple[bytes, bytes]]:
        """The fields of the response to a booking that was stored."""
        headers = [
            *found.booking.fields,
            *self._fields,
            (b"X-Request-Id", random_ids.request_id().encode()),
        ]
        if found.state:
            fields = rate.fields(found.state)
            headers += ((name.encode(), each.encode()) for name, each in fields.items())
        return headers


class _Taken:
    """A booking of a whole request, which waits for its batch."""

    __slots__ = ("_confirm", "_found", "_headers", "_request")

    def __init__(
        self,
        request: WholeRequest,
        found: _Counted,
        headers: Callable[[_Counted], list[tuple[bytes, bytes]]],
        confirm: Confirm,
    ) -> None:
        self._request = request
        self._found = found
        self._headers = headers
        self._confirm = confirm

    def done(self) -> bool:
        """Whether nobody waits for it: it is stored even if its client has gone."""
        return False

    def set_result(self, outcome: Outcome, /) -> None:
        """Answer the request, or have its route do so."""
        found = self._found
        if outcome is not Outcome.STORED:
            self._request.pass_on(found.said(outcome))
            return
        try:
            self._confirm(found.account, senders.at_once(found.limits.concurrent_requests))
            booking = found.booking
            self._request.answer(booking.status, self._headers(found), booking.body)
        except Exception:  # noqa: BLE001 - a defect, which must not leave the client waiting
            logger.exception("http.failed", method=self._request.head.method)
            self._request.fail()
