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

FIRST_WAIT: Final = 1.0
MAX_WAIT: Final = 60.0
"""Between two probes: the first wait, and what doubling it leads to at most."""

MAX_AWAY: Final = 60.0
"""Between two probes of an app to which nothing gets through, whose calls wait without end."""

MAX_PROBES_PER_SECOND: Final = 10.0
"""Of all apps of one account that cannot be reached, by one worker."""

_AWAY_GROWTH: Final = 1.25
_AWAY_A_WHILE: Final = 5.0
_SLOW_AWAY_GROWTH: Final = 1.05
"""How the wait grows once it is `_AWAY_A_WHILE` long: by then the app was away for 20 s."""

MAX_ASKED: Final = 300.0
"""A Retry-After holds up the whole destination for so long at most; then it is probed."""

PATIENT_FOR: Final = 3600.0
"""A run held up by a brake for so long since it was planned gets its attempt all the same.

But not where its app is away: nothing would come of it, and nothing is lost by waiting.
"""

SOON: Final = 0.5
"""A run waits in the worker if it can expect to begin within this; else it is given back."""

_GATHERING: Final = 2
_RETURNS: Final = 100.0
_MIN_LEAVE: Final = 1.0
_MAX_LEAVE: Final = 1800.0
_UNREACHABLE_RETURNS: Final = 10.0
_MAX_UNREACHABLE_LEAVE: Final = 6 * 3600.0

_SLOW_DOWN: Final = 429
_ASKING: Final = frozenset({429, 503})
_FAILING: Final = frozenset({502, 503, 504})
_UNREACHED: Final = frozenset(
    {"connect-failed", "timeout", "connection-lost", "tls-failed", "dns-failure"}
)
_ANSWERED_BADLY: Final = frozenset({"bad-response", "too-many-headers"})


class Cause(StrEnum):
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


LOST: Final = frozenset({Cause.DOWN, Cause.AWAY})
"""The causes that say that there is nobody there; any answer ends them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Brake:
    """What holds a destination up.

    With a `cause`, nothing begins before `until`, then one call at a time, each a probe. Without
    one, `allowed` calls may be under way (None: as many as its share), which grows with every
    answer. Calls begun before `since` tell nothing new. `failures` counts those in a row;
    `interval` is the last wait, `trouble` what the last call came to, where that is the cause.
    """

    cause: Cause | None = None
    failures: int = 0
    since: float = 0.0
    until: float = 0.0
    interval: float = 0.0
    allowed: int | None = None
    trouble: str = ""


FREE: Final = Brake()
"""Nothing holds it up; always this one value, so that `is` tells."""


def after(
    brake: Brake,
    reply: Reply,
    *,
    begun: float,
    now: float,
    wall: datetime,
    share: int,
    spared: bool = False,
    unreachable: int = 0,
) -> Brake:
    """The brake after a call that began at `begun` and was answered `now`.

    `wall` is the same moment by the database's clock. Any answer that is not a gateway's failure
    (502, 503, 504) or a 429 shows that the destination is up, whatever it says of the run.
    `spared` is true of an app whose calls are consumed by nothing but their arrival: the first that
    does not arrive holds up the others, and any that does, whatever comes of it, ends that. Nothing
    else holds up an app: what it answers speaks of the one job that was called.
    `unreachable` counts the account's apps that are known to be so.
    """
    stale = begun < brake.since
    if spared and is_unreached(reply):
        return brake if stale else absent(brake, in_words(reply), now, unreachable=unreachable)
    if brake.cause is Cause.AWAY and (reply.status or (reply.connected and not stale)):
        brake = Brake(since=brake.since, allowed=_GATHERING)
    held_up = None if spared else _held_up(brake, reply, now, wall, stale=stale)
    if held_up is not None:
        return held_up
    if reply.status is not None or reply.error in _ANSWERED_BADLY:
        return _answered(brake, now, stale=stale, share=share)
    # Nothing was learnt of the destination; a probe is followed by another a while later.
    return brake if stale or brake.cause is None else replace(brake, until=now + _next(0.0))


def _held_up(
    brake: Brake, reply: Reply, now: float, wall: datetime, *, stale: bool
) -> Brake | None:
    """The brake after a reply that holds up the whole destination, or may; None for any other."""
    if reply.status in _ASKING:
        wait = retry_after(reply, wall).total_seconds()
        if wait > 0:
            return _asked(brake, min(wait, MAX_ASKED), now)
    if reply.status == _SLOW_DOWN:
        return brake if stale else _wait(brake, Cause.SLOWED, now)
    if reply.status in _FAILING or reply.error in _UNREACHED:
        return brake if stale else _failed(brake, now)
    return None


def absent(brake: Brake, trouble: str, now: float, *, unreachable: int = 0) -> Brake:
    """The brake once an app was looked for in vain, for a reason in words.

    The more apps of its account are `unreachable`, the longer each waits for its probe: together
    they get MAX_PROBES_PER_SECOND.
    """
    interval = FIRST_WAIT
    if brake.cause is Cause.AWAY:
        growth = _AWAY_GROWTH if brake.interval < _AWAY_A_WHILE else _SLOW_AWAY_GROWTH
        interval = min(MAX_AWAY, brake.interval * growth)
    interval = max(interval, unreachable / MAX_PROBES_PER_SECOND)
    return Brake(
        cause=Cause.AWAY,
        since=now,
        until=now + interval,
        interval=interval,
        trouble=trouble,
    )


def may_begin(brake: Brake, now: float, *, under_way: int, share: int, probing: bool) -> bool:
    """Whether one more call may begin now."""
    if under_way >= share:
        return False
    if brake.cause is not None:
        return now >= brake.until and not probing
    return brake.allowed is None or under_way < brake.allowed


def share_of(connections: int, workers: int) -> int:
    """What each of so many workers may open of an account's connections to one destination."""
    return max(1, connections // max(1, workers))


def is_soon(*, ahead: int, seconds: float | None, share: int) -> bool:
    """Whether a run with so many others `ahead` of it can expect to begin within SOON.

    `seconds` is what a call takes; None, where none has been answered yet, counts as soon.
    """
    return seconds is None or (ahead + 1) * seconds <= SOON * share


def leave(*, parked: int, rate: float | None, held_up: float, late: float, jitter: float) -> float:
    """How long a run that is given back stays away if nobody sends for it before.

    `parked` runs are away already, `rate` of them begin in a second (None: unknown), and none for
    `held_up` seconds; `jitter` is a random number in [0, 1). However many there are, no more than
    about a hundred a second come back by themselves. Where a brake holds it up, a run that is
    `late` by so many seconds is back when it has been patient long enough.
    """
    turn = parked / _RETURNS if rate is None else parked / min(rate, _RETURNS)
    wait = max(_MIN_LEAVE, held_up, min(turn, _MAX_LEAVE))
    wait *= 1 + jitter
    return min(wait, max(_MIN_LEAVE, PATIENT_FOR - late)) if held_up else wait


def leave_unreachable(*, parked: int, held_up: float, jitter: float) -> float:
    """How long a run stays away whose app cannot be reached, if nobody sends for it before.

    Each probe sends for one run. The others come back by themselves only so that a worker that ends
    takes none with it: of all that are `parked` for such apps of one account, ten a second.
    """
    wait = min(parked / _UNREACHABLE_RETURNS, _MAX_UNREACHABLE_LEAVE)
    return max(_MIN_LEAVE, held_up, wait) * (1 + jitter)


def reason(cause: Cause, host: str, *, under_way: int, at: datetime, trouble: str = "") -> str:
    """Why a run waits, in words; `at` is when the next call to the destination may begin."""
    if cause is Cause.FULL:
        calls = "1 call to {} is" if under_way == 1 else f"{under_way} calls to {{}} are"
        return f"waiting: {calls.format(host)} under way"
    when = format_utc(at.replace(microsecond=0) + timedelta(seconds=bool(at.microsecond)))
    if cause is Cause.ASKED:
        return f"waiting: {host} asked to wait until {when}"
    if cause is Cause.SLOWED:
        return f"waiting: {host} answered 429; next call at {when}"
    if cause is Cause.AWAY:
        known = f" ({trouble})" if trouble else ""
        return (
            f"waiting: the app at {host} cannot be reached{known};"
            f" no attempt is used up, next probe at {when}"
        )
    return f"waiting: {host} is down; next probe at {when}"


def _asked(brake: Brake, wait: float, now: float) -> Brake:
    until = now + wait
    if brake.cause is not None and brake.until >= until:
        return brake
    return Brake(cause=Cause.ASKED, since=now, until=until, interval=brake.interval)


def _failed(brake: Brake, now: float) -> Brake:
    if brake.cause is not None:
        return _wait(brake, Cause.DOWN, now)
    failures = brake.failures + 1
    if failures >= DOWN_AFTER:
        return _wait(brake, Cause.DOWN, now)
    allowed = None if brake.allowed is None else max(1, brake.allowed // 2)
    return replace(brake, failures=failures, allowed=allowed)


def _wait(brake: Brake, cause: Cause, now: float) -> Brake:
    interval = _next(brake.interval)
    return Brake(cause=cause, since=now, until=now + interval, interval=interval)


def _next(interval: float) -> float:
    return min(MAX_WAIT, max(FIRST_WAIT, 2 * interval))


def _answered(brake: Brake, now: float, *, stale: bool, share: int) -> Brake:
    if brake.cause is None:
        if brake.allowed is None or (not stale and brake.allowed + 1 >= share):
            return FREE
        return brake if stale else replace(brake, failures=0, allowed=brake.allowed + 1)
    # Who asked for time gets it, whatever older calls came to.
    if brake.cause is not Cause.DOWN and (stale or now < brake.until):
        return brake
    return Brake(since=now, interval=brake.interval, allowed=_GATHERING)
