"""Rate: limits the requests per second of an account, over all web processes together.

Each process counts in memory, which takes microseconds per request, and exchanges its counts with
the others through Redis ten times a second. So an account may exceed its limit for a tenth of a
second. While Redis is away, each process counts only its own requests.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from flask import Flask, Response, current_app, g, request
from redis import Redis
from redis.exceptions import RedisError

from app.config import Settings
from app.domain.limits import REQUESTS_PER_SECOND
from app.errors import RateLimited

ITEMS_PER_REQUEST: Final = 10
"""How many jobs, runs or firings of one request count as one more request."""

MAX_ADDED_S: Final = 10
"""The items of one request count as at most so many seconds' worth of requests. A client that has
to wait longer for its next request could take the service to be down."""

COUNTED: Final = "wakecall.rate_state"
"""The name in the WSGI environment of the RateState of a request that was counted before Flask
handles it; False if no limit applied then."""

SYNC_S: Final = 0.1
MAX_ACCOUNTS: Final = 8192
_KEY: Final = "wakecall:rate:{}"
_KEPT_S: Final = 60
_ROUNDING: Final = 1e-6
_EXTENSION: Final = "wakecall-rate"
# A Redis that hangs delays one request by this time. Then it is asked less and less often.
_PATIENCE_S: Final = 0.1
_MIN_PAUSE_S: Final = 1.0
_MAX_PAUSE_S: Final = 30.0

Exchange = Callable[[Mapping[int, int]], Mapping[int, int]]


@dataclass(kw_only=True, slots=True)
class _Bucket:
    """The requests of one account."""

    paid_at: float = 0.0
    """When all requests so far are paid for, at `limit` requests a second (clock in seconds)."""
    limit: int = 1
    """The most requests a second."""
    unreported: int = 0
    """Requests that have not been reported to the other processes yet."""
    total: int | None = None
    """Requests through all processes at the last exchange; None before the first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RateState:
    """The state of an account's rate limit. Times are in seconds, rounded up."""

    limit: int
    """The most requests a second."""
    used: int
    """Requests that are not paid for yet."""
    left: int
    """Requests that may be sent now."""
    reset: int
    """The time until `left` equals `limit`."""
    wait: int
    """The time until at least one request may be sent."""
    granted: bool = True
    """Whether the request that was counted may be processed."""


class Rates:
    """Counts the requests of accounts.

    An account that sent no request for a second may send a second's worth of requests at once. The
    items of a request may count for more than is left, and then later requests wait. `exchange`
    takes what each account has sent to this process since the last exchange, and returns what it
    has sent to all processes.
    """

    def __init__(self, exchange: Exchange, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._exchange = exchange
        self._clock = clock
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._buckets: OrderedDict[int, _Bucket] = OrderedDict()
        self._sync_at = 0.0
        self._pause = _MIN_PAUSE_S

    def count(self, account_id: int, limit: int) -> RateState:
        """Count one request of the account, unless its limit is used up; return the state."""
        self._sync()
        return self._count(account_id, limit)

    def count_in_memory(self, account_id: int, limit: int) -> RateState | None:
        """As `count`, without waiting for Redis, for an event loop.

        Return None, without effect, if counts are to be exchanged now or the limit is used up: then
        the request is to be counted in a thread.
        """
        if self._clock() >= self._sync_at:
            return None
        state = self._count(account_id, limit)
        return state if state.granted else None

    def _count(self, account_id: int, limit: int) -> RateState:
        with self._lock:
            now = self._clock()
            bucket = self._bucket(account_id)
            bucket.limit = limit
            owed = max(bucket.paid_at - now, 0.0)
            before = _state(limit, owed)
            if not before.left:
                return replace(before, granted=False)
            owed += 1 / limit
            bucket.paid_at = now + owed
            bucket.unreported += 1
        return _state(limit, owed)

    def _bucket(self, account_id: int) -> _Bucket:
        found = self._buckets.get(account_id)
        if found is None:
            found = self._buckets[account_id] = _Bucket()
            if len(self._buckets) > MAX_ACCOUNTS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(account_id)
        return found

    def add(self, account_id: int, cost: int) -> RateState | None:
        """Add to the cost of a request that has been counted, so that later requests wait.

        At most MAX_ADDED_S seconds' worth of requests is added. Return the state of the account,
        or None if it was dropped because too many other accounts sent requests.
        """
        with self._lock:
            bucket = self._buckets.get(account_id)
            if bucket is None:
                return None
            now = self._clock()
            cost = min(cost, MAX_ADDED_S * bucket.limit)
            bucket.paid_at = max(bucket.paid_at, now) + cost / bucket.limit
            bucket.unreported += cost
            return _state(bucket.limit, bucket.paid_at - now)

    def _sync(self) -> None:
        """Exchange counts with the other processes if it is time; one thread at a time."""
        if self._clock() < self._sync_at or not self._syncing.acquire(blocking=False):
            return
        try:
            with self._lock:
                sent = {
                    name: each.unreported for name, each in self._buckets.items() if each.unreported
                }
                for name in sent:
                    self._buckets[name].unreported = 0
            totals = self._exchange(sent) if sent else {}
        except (RedisError, OSError):
            self._forget_totals()
            self._sync_at = self._clock() + self._pause
            self._pause = min(2 * self._pause, _MAX_PAUSE_S)
        else:
            self._update_totals(sent, totals)
            self._sync_at = self._clock() + SYNC_S
            self._pause = _MIN_PAUSE_S
        finally:
            self._syncing.release()

    def _forget_totals(self) -> None:
        with self._lock:
            for each in self._buckets.values():
                each.total = None

    def _update_totals(self, sent: Mapping[int, int], totals: Mapping[int, int]) -> None:
        """Charge accounts for what they have sent to other processes since the last exchange."""
        with self._lock:
            for name, total in totals.items():
                bucket = self._buckets.get(name)
                if bucket is None:
                    continue
                if bucket.total is not None:
                    # Redis drops the counts of idle accounts, and then counts from 0.
                    before = bucket.total if total > bucket.total else 0
                    others = max(total - before - sent[name], 0)
                    bucket.paid_at = max(bucket.paid_at, self._clock()) + others / bucket.limit
                bucket.total = total


def install(app: Flask, settings: Settings) -> None:
    """Limit the requests of the accounts of this application."""
    app.extensions[_EXTENSION] = Rates(_through(settings.redis_url))
    app.after_request(_report)


def rates_of(app: Flask) -> Rates:
    """Return the Rates of this application."""
    found: Rates = app.extensions[_EXTENSION]
    return found


def count(account_id: int, limit: int | None) -> None:
    """Count one request of the account, unless it has no limit; raises RateLimited above it."""
    if limit is not None:
        counted: RateState | Literal[False] = request.environ.get(COUNTED, False)
        state = g.rate_state = counted or rates_of(current_app).count(account_id, limit)
        if not state.granted:
            raise _refusal(state)


def count_items(account_id: int, items: int) -> None:
    """Count the items of a request, such as jobs that it booked or runs that it sent again.

    The request itself is already counted. Later requests wait until the items are paid for.
    """
    if "rate_state" in g:
        state = rates_of(current_app).add(account_id, items // ITEMS_PER_REQUEST)
        g.rate_state = state or g.rate_state


def _through(url: str) -> Exchange:
    """Return the function with which processes exchange their counts through this Redis."""
    redis = Redis.from_url(url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S)

    def exchange(counts: Mapping[int, int]) -> Mapping[int, int]:
        with redis.pipeline(transaction=False) as pipeline:
            for name, number in counts.items():
                pipeline.incrby(_KEY.format(name), number)
                pipeline.expire(_KEY.format(name), _KEPT_S)
            return dict(zip(counts, pipeline.execute()[::2], strict=True))

    return exchange


def _report(response: Response) -> Response:
    """Add the fields of draft-ietf-httpapi-ratelimit-headers if a limit is in force."""
    state: RateState | None = g.get("rate_state")
    if state is not None:
        response.headers.update(fields(state))
    return response


def fields(state: RateState) -> dict[str, str]:
    """Return the header fields that show the state of a rate limit."""
    return {
        "RateLimit-Policy": f'"requests";q={state.limit};w=1',
        "RateLimit": f'"requests";r={state.left};t={state.reset}',
    }


def _state(limit: int, owed: float) -> RateState:
    """Return the state of an account that has `owed` seconds' worth of unpaid requests."""
    # Subtract the rounding error, which must not count as one more request.
    used = math.ceil(owed * limit - _ROUNDING)
    return RateState(
        limit=limit,
        used=used,
        left=max(limit - used, 0),
        reset=math.ceil(owed),
        wait=max(math.ceil(owed - 1 + 1 / limit), 0),
    )


def _refusal(state: RateState) -> RateLimited:
    seconds = "second" if state.reset == 1 else f"{state.reset} seconds"
    return RateLimited(
        f"This account may send {state.limit} requests a second, and has used up its requests "
        f"for the next {seconds}.",
        limit=REQUESTS_PER_SECOND.name,
        allowed=state.limit,
        used=state.used,
        retry_after=max(state.wait, 1),
        remedy=REQUESTS_PER_SECOND.remedy,
    )
