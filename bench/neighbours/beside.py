"""Beside: an account's calls and requests while another does some operations as fast as it can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from bench import bookings
from bench.bookings import Batch
from bench.children import ask
from bench.figures import lateness, percentile
from bench.neighbours.operation import Operation
from bench.neighbours.setting import Setting
from bench.receiver import Arrival

CALLS_PER_S: Final = 50
_AHEAD_S: Final = 1.2
_AFTER_S: Final = 0.3
_DONE: Final = range(200, 300)


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """How an account does operations: for `seconds`, each on so many connections at once."""

    seconds: float
    connections: int
    patience_s: float
    """How long a call or a request of the other account is waited for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Milliseconds: how late calls were, or how long requests took."""

    p50: float
    p99: float
    max: float
    count: int
    failed: int
    """Calls that did not come, or requests that were not answered with 2xx or RPCs not with OK."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Noticed:
    """What the account noticed, and what the other one got."""

    calls: Figures
    requests: Mapping[str, Figures]
    """By kind."""
    answered: Mapping[str, Mapping[str, int]]
    """Answers to the other account, by operation and status."""
    waited_ms: float
    """The mean time from a request of the other account to its answer; 0 without any."""

    def document(self) -> dict[str, Any]:
        """As it is written down."""
        return asdict(self)


def measure(setting: Setting, operations: Sequence[Operation], load: Load) -> Noticed:
    """Measure beside these operations, or beside nothing where there are none."""
    harness = setting.harness
    harness.receiver.forget()
    batch = Batch(
        accounts=[harness.account.id],
        count=int(CALLS_PER_S * load.seconds),
        first=harness.now() + timedelta(seconds=_AHEAD_S),
        step=timedelta(seconds=1 / CALLS_PER_S),
        port=harness.receiver.timed,
    )
    bookings.book(harness.connection, batch, tidy=False)
    lead = (batch.first - harness.now()).total_seconds()
    kinds = setting.requests({each.surface for each in operations})
    when = {"begin_in": lead, "seconds": load.seconds, "patience_s": load.patience_s}
    with ThreadPoolExecutor() as threads:
        asking = threads.submit(ask, "bench.neighbours.victim", {"kinds": kinds, **when})
        attack = _attack(setting, operations, load, lead)
        attacking = threads.submit(ask, "bench.neighbours.attacker", attack)
        arrivals = harness.receiver.arrivals(
            batch.count, patience_s=lead + load.seconds + load.patience_s
        )
    return noticed(batch, arrivals, asking.result(), attacking.result(), load)


def _attack(
    setting: Setting, operations: Sequence[Operation], load: Load, lead: float
) -> dict[str, Any]:
    return {
        "target": setting.target.document(),
        "operations": [each.name for each in operations],
        "connections": load.connections,
        "seconds": lead + load.seconds + _AFTER_S,
    }


def noticed(
    batch: Batch,
    arrivals: Sequence[Arrival],
    asked: Mapping[str, Mapping[str, Any]],
    attacked: Mapping[str, Any],
    load: Load,
) -> Noticed:
    """The figures. A call that did not come is as late as it was waited for."""
    first: dict[str, Arrival] = {}
    for each in arrivals:
        first.setdefault(each.run, each)
    missed = batch.count - len(first)
    late = lateness([each.late for each in first.values()] + [load.patience_s] * missed)
    scores: Mapping[str, Mapping[str, Any]] = attacked["operations"]
    answers = sum(each["answered"] for each in scores.values())
    links = load.connections * len(scores)
    return Noticed(
        calls=Figures(p50=late.p50, p99=late.p99, max=late.max, count=batch.count, failed=missed),
        requests={name: _figures(each) for name, each in asked.items()},
        answered={name: each["statuses"] for name, each in scores.items()},
        # As many are under way as there are connections (Little's law).
        waited_ms=round(links * attacked["seconds"] / answers * 1000, 1) if answers else 0.0,
    )


def _figures(asked: Mapping[str, Any]) -> Figures:
    took = sorted(asked["took"])
    done = sum(n for status, n in asked["statuses"].items() if int(status) in _DONE)

    def at(share: float) -> float:
        return round(percentile(took, share) * 1000, 1)

    return Figures(p50=at(0.5), p99=at(0.99), max=at(1.0), count=len(took), failed=len(took) - done)
