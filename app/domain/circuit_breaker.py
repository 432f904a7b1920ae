"""CircuitBreaker: how many calls a destination gets at once, as its replies allow.

A destination is the scheme, host and port of an account's URLs. All times are seconds of one
monotonic clock unless their type says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.domain import grpc_status
from app.domain.instants import format_utc
from app.domain.retry import describe_reply, is_unreached, retry_after
from app.domain.run import Reply

MAX_CONNECTIONS: Final = 10_000
"""The highest limit of calls in flight to one destination, of an account or the setting."""

DOWN_AFTER: Final = 10
"""Failures in a row that open the breaker: the destination counts as down."""

FIRST_PROBE_WAIT: Final = 1.0
MAX_PROBE_WAIT: Final = 60.0
"""Seconds between two probes: the first wait, and the longest one that doubling leads to."""

MAX_AWAY_WAIT: Final = 60.0
"""Seconds between two probes of an app that no call reaches, at most; its runs wait for ever."""

MAX_PROBES_PER_SECOND: Final = 10.0
"""Probes that one worker makes of all unreachable apps of one account together."""

_AWAY_GROWTH: Final = 1.25
_AWAY_A_WHILE: Final = 5.0
_SLOW_AWAY_GROWTH: Final = 1.05
"""The factor by which the wait grows, and from `_AWAY_A_WHILE` on, when the app has been away for
20 s, a smaller one."""

MAX_RETRY_AFTER: Final = 300.0
"""Seconds for which a Retry-After blocks the whole destination at most; then it is probed."""

MAX_HOLD: Final = 3600.0
"""A run that an open breaker has delayed for so many seconds gets its attempt all the same.

Not where its app is away: the call would fail, and nothing is lost by waiting.
"""

SOON: Final = 0.5
"""A run that can expect to begin within so many seconds waits in the worker; others are parked."""

HALF_OPEN_LIMIT: Final = 2
_RETURNS_PER_SECOND: Final = 100.0
_MIN_PARK_FOR: Final = 1.0
_MAX_PARK_FOR: Final = 1800.0
_UNREACHABLE_RETURNS_PER_SECOND: Final = 10.0
_MAX_UNREACHABLE_PARK_FOR: Final = 6 * 3600.0

_TOO_MANY_REQUESTS: Final = 429
_MAY_ASK_TO_WAIT: Final = frozenset({429, 503})
_GATEWAY_FAILURES: Final = frozenset({502, 503, 504})
_CONNECTION_FAILURES: Final = frozenset(
    {"connect-failed", "timeout", "connection-lost", "tls-failed", "dns-failure"}
)
_ANSWERED: Final = frozenset({"bad-response", "too-many-headers"}) | grpc_status.ANSWERS
"""Errors for which the destination has answered all the same."""


class BlockReason(StrEnum):
    """Why a run was parked, and why a breaker is open."""

    FULL = "full"
    """As many calls as allowed are in flight."""

    ASKED = "asked"
    """The receiver asked to wait, with Retry-After."""

    SLOWED = "slowed"
    """The receiver answered 429 without saying how long."""

    DOWN = "down"
    """Too many calls in a row failed."""

    AWAY = "away"
    """No call reaches the app, and a call that does not reach it uses up no attempt."""

    SUSPENDED = "suspended"
    """The account is suspended: the run waits for that to end, not for its destination."""

    STOPPING = "stopping"
    """The worker that held the run is being stopped: it waits for another worker."""

    UNPREPARED = "unprepared"
    """The worker that took the run could not read the data of its account, or of the run."""

    KEY_MISSING = "key-missing"
    """None of the keys decrypts its signing secrets, or the token of its app."""


UNREACHABLE_REASONS: Final = frozenset({BlockReason.DOWN, BlockReason.AWAY})
"""The reasons for which a destination counts as unreachable; any reply ends them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CircuitBreaker:
    """The state of one destination: closed, open until a time, or half open (`allowed`)."""

    block_reason: BlockReason | None = None
    """Why it is open: no call begins before `until`, then one at a time, each a probe. None: it is
    closed or half open."""
    failures: int = 0
    """Failed calls in a row, while it is not open."""
    since: float = 0.0
    """Replies to calls that began before this time change nothing."""
    until: float = 0.0
    """When the next probe may begin."""
    interval: float = 0.0
    """The last wait between two probes."""
    allowed: int | None = None
    """While half open, how many calls may be in flight, which grows with every reply. None: as many
    as this worker's share."""
    last_failure: str = ""
    """Why the app cannot be reached, in words, where that is the block reason."""


CLOSED: Final = CircuitBreaker()
"""The closed breaker; always this one value, so that it can be compared with `is`."""


def on_reply(
    breaker: CircuitBreaker,
    reply: Reply,
    *,
    begun: float,
    now: float,
    wall: datetime,
    share: int,
    unreachable_is_free: bool = False,
    unreachable: int = 0,
) -> CircuitBreaker:
    """The breaker after a call that began at `begun` and ended `now`.

    `wall` is `now` by the database's clock. Any reply but a gateway's failure (502, 503, 504) or a
    429 shows that the destination is up, however the run ends. With `unreachable_is_free`, a call
    that does not reach the app uses no attempt (Dapr): the first one opens the breaker, and any
    connection closes it. Nothing else opens it, as a reply of such an app concerns one job only.
    `unreachable` is the number of the account's apps that cannot be reached.
    """
    stale = begun < breaker.since
    if unreachable_is_free and is_unreached(reply):
        return (
            breaker
            if stale
            else on_missing_app(breaker, describe_reply(reply), now, unreachable=unreachable)
        )
    if breaker.block_reason is BlockReason.AWAY and (
        reply.status or (reply.connected and not stale)
    ):
        breaker = CircuitBreaker(since=breaker.since, allowed=HALF_OPEN_LIMIT)
    blocked_for = (
        None if unreachable_is_free else _blocked_by(breaker, reply, now, wall, stale=stale)
    )
    if blocked_for is not None:
        return blocked_for
    if reply.status is not None or reply.error in _ANSWERED:
        return _answered(breaker, now, stale=stale, share=share)
    # The reply tells nothing about the destination; after a probe, the next one follows later.
    return (
        breaker
        if stale or breaker.block_reason is None
        else replace(breaker, until=now + _next(0.0))
    )


def _blocked_by(
    breaker: CircuitBreaker, reply: Reply, now: float, wall: datetime, *, stale: bool
) -> CircuitBreaker | None:
    """The breaker after a reply that blocks, or may block, the destination; None after another."""
    if reply.status in _MAY_ASK_TO_WAIT:
        wait = retry_after(reply, wall).total_seconds()
        if wait > 0:
            return _asked(breaker, min(wait, MAX_RETRY_AFTER), now)
    if reply.status == _TOO_MANY_REQUESTS:
        return breaker if stale else _wait(breaker, BlockReason.SLOWED, now)
    if reply.status in _GATEWAY_FAILURES or reply.error in _CONNECTION_FAILURES:
        return breaker if stale else _failed(breaker, now)
    return None


def on_missing_app(
    breaker: CircuitBreaker, last_failure: str, now: float, *, unreachable: int = 0
) -> CircuitBreaker:
    """The breaker of an app that is not configured or not reached; `last_failure` says why.

    The more apps of its account are `unreachable`, the longer each waits for its probe: together
    they get MAX_PROBES_PER_SECOND.
    """
    interval = FIRST_PROBE_WAIT
    if breaker.block_reason is BlockReason.AWAY:
        growth = _AWAY_GROWTH if breaker.interval < _AWAY_A_WHILE else _SLOW_AWAY_GROWTH
        interval = min(MAX_AWAY_WAIT, breaker.interval * growth)
    interval = max(interval, unreachable / MAX_PROBES_PER_SECOND)
    return CircuitBreaker(
        block_reason=BlockReason.AWAY,
        since=now,
        until=now + interval,
        interval=interval,
        last_failure=last_failure,
    )


def may_begin(
    breaker: CircuitBreaker, now: float, *, in_flight: int, share: int, probing: bool
) -> bool:
    """Whether one more call may begin now."""
    if in_flight >= share:
        return False
    if breaker.block_reason is not None:
        return now >= breaker.until and not probing
    return breaker.allowed is None or in_flight < breaker.allowed


def share_of(connections: int, workers: int) -> int:
    """How many of an account's connections to one destination each of so many workers may open."""
    return max(1, connections // max(1, workers))


def begins_soon(*, ahead: int, seconds: float | None, share: int) -> bool:
    """Whether a run with so many others `ahead` of it can expect to begin within SOON.

    `seconds` is how long a call takes; None, before the first call has ended, counts as soon.
    """
    return seconds is None or (ahead + 1) * seconds <= SOON * share


def park_for(
    *, parked: int, rate: float | None, blocked_for: float, late: float, jitter: float
) -> float:
    """Seconds until a parked run is due again, unless a worker unparks it before.

    `parked` runs are parked already, `rate` of them begin in a second (None: unknown), and none for
    `blocked_for` seconds; `jitter` is a random number in [0, 1). However many are parked, no more
    than about a hundred a second are due again by themselves. Behind an open breaker, a run that is
    `late` by so many seconds is due again once it has waited for MAX_HOLD.
    """
    turn = parked / _RETURNS_PER_SECOND if rate is None else parked / min(rate, _RETURNS_PER_SECOND)
    wait = max(_MIN_PARK_FOR, blocked_for, min(turn, _MAX_PARK_FOR))
    wait *= 1 + jitter
    return min(wait, max(_MIN_PARK_FOR, MAX_HOLD - late)) if blocked_for else wait


def park_for_unreachable(*, parked: int, blocked_for: float, jitter: float) -> float:
    """As `park_for`, of a run whose app cannot be reached.

    Each probe unparks one run. The others are due again by themselves only so that none is lost
    where a worker ends: of all runs `parked` for such apps of one account, ten a second.
    """
    wait = min(parked / _UNREACHABLE_RETURNS_PER_SECOND, _MAX_UNREACHABLE_PARK_FOR)
    return max(_MIN_PARK_FOR, blocked_for, wait) * (1 + jitter)


def reason(
    block_reason: BlockReason, host: str, *, in_flight: int, at: datetime, last_failure: str = ""
) -> str:
    """Why a run waits, in words for its account; `at` is when the next call may begin."""
    if block_reason is BlockReason.FULL:
        calls = "1 call to {} is" if in_flight == 1 else f"{in_flight} calls to {{}} are"
        return f"waiting: {calls.format(host)} under way"
    when = format_utc(at.replace(microsecond=0) + timedelta(seconds=bool(at.microsecond)))
    if block_reason is BlockReason.ASKED:
        return f"waiting: {host} asked to wait until {when}"
    if block_reason is BlockReason.SLOWED:
        return f"waiting: {host} answered 429; next call at {when}"
    if block_reason is BlockReason.AWAY:
        known = f" ({last_failure})" if last_failure else ""
        return (
            f"waiting: the app at {host} cannot be reached{known};"
            f" no attempt is used up, next probe at {when}"
        )
    return f"waiting: {host} is down; next probe at {when}"


def _asked(breaker: CircuitBreaker, wait: float, now: float) -> CircuitBreaker:
    until = now + wait
    if breaker.block_reason is not None and breaker.until >= until:
        return breaker
    return CircuitBreaker(
        block_reason=BlockReason.ASKED, since=now, until=until, interval=breaker.interval
    )


def _failed(breaker: CircuitBreaker, now: float) -> CircuitBreaker:
    if breaker.block_reason is not None:
        return _wait(breaker, BlockReason.DOWN, now)
    failures = breaker.failures + 1
    if failures >= DOWN_AFTER:
        return _wait(breaker, BlockReason.DOWN, now)
    allowed = None if breaker.allowed is None else max(1, breaker.allowed // 2)
    return replace(breaker, failures=failures, allowed=allowed)


def _wait(breaker: CircuitBreaker, block_reason: BlockReason, now: float) -> CircuitBreaker:
    interval = _next(breaker.interval)
    return CircuitBreaker(
        block_reason=block_reason, since=now, until=now + interval, interval=interval
    )


def _next(interval: float) -> float:
    return min(MAX_PROBE_WAIT, max(FIRST_PROBE_WAIT, 2 * interval))


def _answered(breaker: CircuitBreaker, now: float, *, stale: bool, share: int) -> CircuitBreaker:
    if breaker.block_reason is None:
        if breaker.allowed is None or (not stale and breaker.allowed + 1 >= share):
            return CLOSED
        return breaker if stale else replace(breaker, failures=0, allowed=breaker.allowed + 1)
    # A receiver that asked to wait is not called before, however older calls ended.
    if breaker.block_reason is not BlockReason.DOWN and (stale or now < breaker.until):
        return breaker
    return CircuitBreaker(since=now, interval=breaker.interval, allowed=HALF_OPEN_LIMIT)
