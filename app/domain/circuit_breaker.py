"""Flow: how many calls a destination gets at once, and what its answers say of the next ones.

A destination is the scheme, host and port of an account's URLs. All times are seconds of one
monotonic clock unless their type says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.domain.instants import format_utc
from app.domain.retry import in_words, is_unreached, retry_after
from app.domain.run import Reply

MAX_CONNECTIONS: Final = 10_000
"""What an account, or the setting, may allow a destination at most."""

DOWN_AFTER: Final = 10
"""Failures in a row after which a destination counts as down."""

FIRST_PROBE_WAIT: Final = 1.0
MAX_PROBE_WAIT: Final = 60.0
"""Between two probes: the first wait, and what doubling it leads to at most."""

MAX_AWAY_WAIT: Final = 60.0
"""Between two probes of an app to which nothing gets through, whose calls wait without end."""

MAX_PROBES_PER_SECOND: Final = 10.0
"""Of all apps of one account that cannot be reached, by one worker."""

_AWAY_GROWTH: Final = 1.25
_AWAY_A_WHILE: Final = 5.0
_SLOW_AWAY_GROWTH: Final = 1.05
"""How the wait grows once it is `_AWAY_A_WHILE` long: by then the app was away for 20 s."""

MAX_RETRY_AFTER: Final = 300.0
"""A Retry-After holds up the whole destination for so long at most; then it is probed."""

MAX_HOLD: Final = 3600.0
"""A run held up by a brake for so long since it was planned gets its attempt all the same.

But not where its app is away: nothing would come of it, and nothing is lost by waiting.
"""

SOON: Final = 0.5
"""A run waits in the worker if it can expect to begin within this; else it is given back."""

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
_MALFORMED: Final = frozenset({"bad-response", "too-many-headers"})


class BlockReason(StrEnum):
    """Why a run was given back."""

    FULL = "full"
    """As many calls as allowed are under way."""

    ASKED = "asked"
    """The receiver asked to wait, with Retry-After."""

    SLOWED = "slowed"
    """The receiver answered 429 without saying how long."""

    DOWN = "down"
    """Too many calls in a row came to nothing."""

    AWAY = "away"
    """No call reaches the app, which consumes none of them."""

    SUSPENDED = "suspended"
    """The account is suspended: it waits for that to end, not for its destination."""

    STOPPING = "stopping"
    """The worker that held it is being stopped: it waits for another worker."""

    KEY_MISSING = "key-missing"
    """Its signing secrets, or the token of its app, open with none of the keys."""


UNREACHABLE_REASONS: Final = frozenset({BlockReason.DOWN, BlockReason.AWAY})
"""The causes that say that there is nobody there; any answer ends them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CircuitBreaker:
    """What holds a destination up.

    With a `cause`, nothing begins before `until`, then one call at a time, each a probe. Without
    one, `allowed` calls may be under way (None: as many as its share), which grows with every
    answer. Calls begun before `since` tell nothing new. `failures` counts those in a row;
    `interval` is the last wait, `trouble` what the last call came to, where that is the cause.
    """

    block_reason: BlockReason | None = None
    failures: int = 0
    since: float = 0.0
    until: float = 0.0
    interval: float = 0.0
    allowed: int | None = None
    last_failure: str = ""


CLOSED: Final = CircuitBreaker()
"""Nothing holds it up; always this one value, so that `is` tells."""


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
    """The brake after a call that began at `begun` and was answered `now`.

    `wall` is the same moment by the database's clock. Any answer that is not a gateway's failure
    (502, 503, 504) or a 429 shows that the destination is up, whatever it says of the run.
    `spared` is true of an app whose calls are consumed by nothing but their arrival: the first that
    does not arrive holds up the others, and any that does, whatever comes of it, ends that. Nothing
    else holds up an app: what it answers speaks of the one job that was called.
    `unreachable` counts the account's apps that are known to be so.
    """
    stale = begun < breaker.since
    if unreachable_is_free and is_unreached(reply):
        return (
            breaker
            if stale
            else on_missing_app(breaker, in_words(reply), now, unreachable=unreachable)
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
    if reply.status is not None or reply.error in _MALFORMED:
        return _answered(breaker, now, stale=stale, share=share)
    # Nothing was learnt of the destination; a probe is followed by another a while later.
    return (
        breaker
        if stale or breaker.block_reason is None
        else replace(breaker, until=now + _next(0.0))
    )


def _blocked_by(
    breaker: CircuitBreaker, reply: Reply, now: float, wall: datetime, *, stale: bool
) -> CircuitBreaker | None:
    """The brake after a reply that holds up the whole destination, or may; None for any other."""
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
    """The brake once an app was looked for in vain, for a reason in words.

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
    """What each of so many workers may open of an account's connections to one destination."""
    return max(1, connections // max(1, workers))


def begins_soon(*, ahead: int, seconds: float | None, share: int) -> bool:
    """Whether a run with so many others `ahead` of it can expect to begin within SOON.

    `seconds` is what a call takes; None, where none has been answered yet, counts as soon.
    """
    return seconds is None or (ahead + 1) * seconds <= SOON * share


def park_for(
    *, parked: int, rate: float | None, blocked_for: float, late: float, jitter: float
) -> float:
    """How long a run that is given back stays away if nobody sends for it before.

    `parked` runs are away already, `rate` of them begin in a second (None: unknown), and none for
    `held_up` seconds; `jitter` is a random number in [0, 1). However many there are, no more than
    about a hundred a second come back by themselves. Where a brake holds it up, a run that is
    `late` by so many seconds is back when it has been patient long enough.
    """
    turn = parked / _RETURNS_PER_SECOND if rate is None else parked / min(rate, _RETURNS_PER_SECOND)
    wait = max(_MIN_PARK_FOR, blocked_for, min(turn, _MAX_PARK_FOR))
    wait *= 1 + jitter
    return min(wait, max(_MIN_PARK_FOR, MAX_HOLD - late)) if blocked_for else wait


def park_for_unreachable(*, parked: int, blocked_for: float, jitter: float) -> float:
    """How long a run stays away whose app cannot be reached, if nobody sends for it before.

    Each probe sends for one run. The others come back by themselves only so that a worker that ends
    takes none with it: of all that are `parked` for such apps of one account, ten a second.
    """
    wait = min(parked / _UNREACHABLE_RETURNS_PER_SECOND, _MAX_UNREACHABLE_PARK_FOR)
    return max(_MIN_PARK_FOR, blocked_for, wait) * (1 + jitter)


def reason(
    block_reason: BlockReason, host: str, *, in_flight: int, at: datetime, last_failure: str = ""
) -> str:
    """Why a run waits, in words; `at` is when the next call to the destination may begin."""
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
    # Who asked for time gets it, whatever older calls came to.
    if breaker.block_reason is not BlockReason.DOWN and (stale or now < breaker.until):
        return breaker
    return CircuitBreaker(since=now, interval=breaker.interval, allowed=HALF_OPEN_LIMIT)
