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
from app.api.wsgi_bridge import BASE, ONWARD, Message, WsgiResponse
from app.domain.account import CachedCaller
from app.domain.limits import Limits
from app.errors import InvalidMember
from app.service.booking_batches import BatchWriter, Outcome
from app.service.context import Context
from app.store import database
from app.store.booking_batches import WantedJob

MAX_BODY: Final = 8 * 1024
"""A longer document would keep the event loop too long."""

MAX_QUOTES: Final = 128
"""Quotation marks of a JSON document that is read on the event loop. Each of its members has two at
least, and to read one takes up to 2.8 µs."""

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
        booking, limits = found
        account = booking.wanted.caller.account.id
        state = self._count(account, limits)
        if state is None:
            return None
        outcome = await self._batches.book(booking.wanted, booking.size)
        if outcome is Outcome.STORED:
            senders.note(environ, account, limits.concurrent_requests)
            return self._response(booking, state)
        environ[rate.COUNTED] = state
        if outcome is Outcome.UNKNOWN:
            environ[_AWAY] = True
        return None

    def shutdown(self) -> None:
        """End the thread, when it has stored its batch."""
        self._batches.shutdown()
        self._writer.close()

    def _read(self, environ: Message) -> tuple[DirectBooking, Limits] | None:
        # Asked before the reader is noted: it does not follow from the head.
        if FAILURE in environ:
            return None
        reader = noted(environ, "direct reader", self._reader_for)
        if reader is None:
            return None
        try:
            return self._read_by(reader, environ)
        except Exception:  # noqa: BLE001 - the route meets the same, and reports it
            return None

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

    def _read_by(self, reader: Reader, environ: Message) -> tuple[DirectBooking, Limits] | None:
        body: bytes = environ["wsgi.input"].getvalue()
        size = str(len(body))
        # Without a length it is a message of gRPC, which is whole.
        if len(body) > MAX_BODY or environ.get("CONTENT_LENGTH", size) != size:
            return None
        caller = self._caller(environ)
        if caller is None or not self._batches.has_room(caller.account.id):
            return None
        limits = self._context.limit_cache.get_reported(caller.account.id)
        if limits is None:
            return None
        found = reader(DirectRequest(environ, body, caller, self._context))
        return None if found is None else (found, limits)

    def _caller(self, environ: Message) -> CachedCaller | None:
        if self._bound is not None:
            return self._context.key_cache.get_listener(self._bound.account, self._bound.app)
        sender: Sender = environ[SENDER]
        if sender.key is None:
            return None
        found = self._context.key_cache.get(sender.key)
        if found is not None:
            self._context.key_use.note(found.key_id)
        return found

    def _count(self, account: int, limits: Limits) -> RateState | Literal[False] | None:
        """Count the request; False without a limit, None if the route is to count it."""
        if limits.requests_per_second is None:
            return False
        return self._rates.count_in_memory(account, limits.requests_per_second)

    def _response(self, booking: DirectBooking, state: RateState | Literal[False]) -> WsgiResponse:
        headers = [
            *booking.fields,
            *self._fields,
            (b"X-Request-Id", random_ids.request_id().encode()),
        ]
        if state:
            headers += ((name.encode(), each.encode()) for name, each in rate.fields(state).items())
        return WsgiResponse(status=booking.status, headers=headers, start=booking.body, rest=None)
