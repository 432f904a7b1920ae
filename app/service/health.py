"""Health: whether bookings can be stored and calls are made, and the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.domain import counters
from app.domain.timings.leases import HEARTBEAT_MAX_AGE
from app.errors import Unavailable
from app.service.context import Context
from app.store import database_state, heartbeats, snapshots
from app.store.backlog import MAX_OVERDUE, Backlog, backlog
from app.store.counters import read_counters

METRICS_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_REDIS_WAIT_S: Final = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Readiness:
    """Which parts of the service work."""

    obstacle: str | None
    """Why the database cannot store bookings, and what to do; None if it can."""
    scheduler: bool = False
    """Whether a scheduler has sent a heartbeat recently."""
    worker: bool = False
    """Whether a worker has sent a heartbeat recently."""
    redis: bool = False
    """Whether Redis answers. It is reported, but the service is ready without Redis too."""

    @property
    def database(self) -> bool:
        """Whether bookings can be stored, which is all that this web process needs."""
        return self.obstacle is None

    @property
    def everything(self) -> bool:
        """Whether bookings can be stored and calls are made."""
        return self.database and self.scheduler and self.worker

    @property
    def silence(self) -> str:
        """Which process is missing for calls to be made, if the database can store bookings."""
        runs = {"scheduler": self.scheduler, "worker": self.worker}
        missing = " and no ".join(name for name, is_alive in runs.items() if not is_alive)
        alive_s = f"{HEARTBEAT_MAX_AGE.total_seconds():g}"
        return f"No {missing} has sent a heartbeat within {alive_s} s. Start what is missing."


NOTHING: Final = Readiness(obstacle=database_state.obstacle_of(None))


def readiness(context: Context) -> Readiness:
    """Return whether the database can store bookings, and which processes sent heartbeats."""
    redis_url = context.settings.redis_url
    try:
        with context.database.statement() as connection:
            return readiness_in(connection, redis_url)
    except (Unavailable, SQLAlchemyError) as error:
        return without_database(redis_url, error)


def readiness_in(connection: Connection, redis_url: str) -> Readiness:
    """As `readiness`, on this connection; raises SQLAlchemyError."""
    obstacle = database_state.obstacle(connection)
    alive = frozenset[str]() if obstacle else heartbeats.alive(connection)
    return Readiness(
        obstacle=obstacle,
        scheduler="scheduler" in alive,
        worker="worker" in alive,
        redis=_redis_answers(redis_url),
    )


def without_database(redis_url: str, error: Exception | None) -> Readiness:
    """Return the readiness if the database failed with `error`, or did not answer (None)."""
    obstacle = database_state.obstacle_of(error)
    return Readiness(obstacle=obstacle, redis=_redis_answers(redis_url))


def metrics(context: Context) -> bytes:
    """Return the metrics of all processes in the Prometheus text format. Raises Unavailable."""
    with context.database.statement() as connection:
        return metrics_in(connection, backlog)


def metrics_in(connection: Connection, count: Callable[[Connection], Backlog]) -> bytes:
    """As `metrics`, on this connection, with the backlog from `count`; raises SQLAlchemyError."""
    alive = heartbeats.alive(connection)
    totals = read_counters(connection)
    found = count(connection)
    oldest = snapshots.oldest_age(connection)
    registry = CollectorRegistry()
    registry.register(_Families([*_counters(totals), *_gauges(found, alive, oldest)]))
    return generate_latest(registry)


def _redis_answers(url: str) -> bool:
    try:
        with Redis.from_url(
            url, socket_timeout=_REDIS_WAIT_S, socket_connect_timeout=_REDIS_WAIT_S
        ) as redis:
            return bool(redis.ping())
    except (RedisError, OSError, ValueError):
        return False


class _Families:
    """A collector of given metric families, in the form that the registry requires."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _counters(totals: Mapping[tuple[str, str], float]) -> Iterable[Metric]:
    yield _lateness(totals)
    for name, label, metric, help_text in (
        (counters.ATTEMPT, "outcome", "wakecall_attempts", "HTTP calls by status class or error."),
        (counters.RUN, "state", "wakecall_runs", "Settled runs by final state."),
        (
            counters.PARKED,
            "cause",
            "wakecall_runs_parked",
            "Runs that waited for their destination, by cause.",
        ),
        (
            counters.MISSED,
            "fate",
            "wakecall_missed_firings",
            "Missed firings for which no run was made, by fate.",
        ),
        (
            counters.UNAUTHENTICATED,
            "key",
            "wakecall_unauthenticated",
            "Requests without a valid API key.",
        ),
        (
            counters.POSTPONED,
            "limit",
            "wakecall_postponed_firings",
            "Firings that a limit of their account postponed.",
        ),
        (
            counters.LOG_DROPPED,
            "process",
            "wakecall_log_lines_dropped",
            "Log lines that could not be written.",
        ),
        (
            counters.REPAIR,
            "kind",
            "wakecall_repairs",
            "Inconsistencies that maintenance found and repaired.",
        ),
        (
            counters.CLOCK_STEP,
            "direction",
            "wakecall_clock_steps",
            "Steps of the database's clock, counted by each scheduler.",
        ),
    ):
        family = CounterMetricFamily(metric, help_text, labels=[label])
        for (counter, value), total in sorted(totals.items()):
            if counter == name:
                family.add_metric([value], total)
        yield family


def _lateness(totals: Mapping[tuple[str, str], float]) -> Metric:
    bounds = [*map(str, counters.BUCKETS), "+Inf"]
    running = 0.0
    buckets: list[tuple[str, float]] = []
    for bound in bounds:
        running += totals.get((counters.LATENESS, bound), 0.0)
        buckets.append((bound, running))
    family = HistogramMetricFamily(
        "wakecall_lateness_seconds", "From the due instant to the start of the first attempt."
    )
    family.add_metric([], buckets=buckets, sum_value=totals.get((counters.LATENESS_SUM, ""), 0.0))
    return family


def _gauges(found: Backlog, alive: frozenset[str], oldest: float) -> Iterable[Metric]:
    inflight = GaugeMetricFamily(
        "wakecall_runs_inflight", "Runs in flight by state.", labels=["state"]
    )
    for state in ("claimed", "taken", "waiting", "running"):
        inflight.add_metric([state], found.inflight.get(state, 0))
    yield inflight
    yield GaugeMetricFamily(
        "wakecall_due_overdue",
        f"Jobs past their due time and not claimed yet (counted up to {MAX_OVERDUE}).",
        value=found.overdue,
    )
    yield GaugeMetricFamily(
        "wakecall_oldest_snapshot_seconds",
        "Age of the oldest transaction that keeps dead rows in the database.",
        value=oldest,
    )
    up = GaugeMetricFamily(
        "wakecall_process_alive",
        "Whether a process of this kind has sent a heartbeat recently.",
        labels=["process"],
    )
    for process in ("scheduler", "worker"):
        up.add_metric([process], float(process in alive))
    yield up
